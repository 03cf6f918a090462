//! Flags only: what a person can say, and nothing of what it does.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use jiff::Timestamp;
use rollcall_core::mapping::expression::DateDiffReading;
use rollcall_pipeline::ahead::AsOf;
use rollcall_pipeline::verify::Noted;

/// HR-driven identity lifecycle: what HR says becomes accounts, safely and with evidence.
#[derive(Debug, Parser)]
#[command(name = "rollcall", version, max_term_width = 100)]
#[command(
    after_help = "Exit codes: 0 done · 1 an action failed or a row was held · 2 could not \
                        run · 3 something waits for approval"
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,

    #[command(flatten)]
    pub(crate) manners: Manners,
}

/// How to talk.
#[derive(Debug, Clone, Args)]
pub(crate) struct Manners {
    /// Data as JSON on stdout, with a `format_version`
    #[arg(long, global = true)]
    pub(crate) json: bool,

    /// Nothing on stderr but errors
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,

    /// More on stderr: what is done (-v), every call without its content (-vv)
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,

    /// No progress bar, also on a terminal
    #[arg(long, global = true)]
    pub(crate) no_progress: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// The whole pipeline on bundled data against a simulated tenant; needs nothing
    Demo(Demo),
    /// Write a starter configuration, mapping and policy
    Init(Init),
    /// Validate configuration, mapping and policy; connects only with --online
    Check(Check),
    /// Pull, plan, guards, apply, report: the nightly job
    Run(Run),
    /// One machine without AWS: watch the inbox, release what falls due
    Serve(Serve),
    /// Take a delivery: check it, seal it, change nothing else
    Pull(Run),
    /// Pull, and show what a run would change
    Plan(Plan),
    /// Plan what fell due, stopped waiting or was not done, and carry it out
    Release(At),
    /// Carry out what is planned, or approved since
    Apply(At),
    /// Write the report of a run anew, and name it
    Report(Report),
    /// Show a stored plan; changes nothing
    Show(Show),
    /// Why one worker's account is what it is: every value from its cell, every action
    Explain(Explain),
    /// Agree to what a guard keeps back
    Approve(Approve),
    /// Plan to take a run back; says first what cannot be
    Undo(Undo),
    /// Dismiss a worker for cause: cut off now, whatever HR's next file says
    Dismiss(Notice),
    /// Put a worker under legal hold: what holds data stays
    Hold(Notice),
    /// End a hold, or a dismissal
    Lift(Lift),
    /// Say that a device of somebody who leaves is lost or stolen, or came back
    Device(DeviceWord),
    /// Stop everything between two actions, here and wherever else this store is worked on
    Halt(Halt),
    /// Let it go on
    Resume(Halt),
    /// The tenant against HR and state, for auditors: drift, orphans, late leavers, control pack
    Reconcile(Reconcile),
    /// What is late, stale, waiting, held
    Status(At),
    /// Walk the chain, hash everything again, make every plan again
    Verify(Verify),
    /// Take the personal values of one person out of everything that is kept; the chain still verifies
    Erase(Erase),
    /// What Rollcall makes of a file, row by row
    Read(Read),
    /// What an export looks like: columns, types, what is suspicious, a mapping to begin with
    Profile(Profile),
    /// Evaluate one mapping expression
    Eval(Eval),
    /// Whether a dynamic membership rule holds for a user or a device
    Rule(Rules),
    /// Whether the tenant has the groups, their rules and their members as they are to be
    Groups(At),
    /// What falls due on which day if HR says nothing new, and the seats of licences then
    Forecast(Forecast),
    /// Judge what workers entail
    #[command(subcommand)]
    Policy(PolicyCommand),
    /// Make a mapping file of an exported synchronizationSchema
    ImportSchema(ImportSchema),
    /// Make a policy file of Lifecycle Workflows, and list what cannot be carried over
    ImportWorkflow(ImportWorkflow),
    /// Make a synchronizationSchema of a mapping file
    ExportSchema(ExportSchema),
    /// Try and judge mapping files
    #[command(subcommand)]
    Mappings(Mappings),
    /// The simulated tenant
    #[command(subcommand)]
    Rehearsal(Rehearsal),
}

#[derive(Debug, Args)]
pub(crate) struct Forecast {
    #[command(flatten)]
    pub(crate) at: At,
    /// How many days to look ahead
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u16).range(1..=366))]
    pub(crate) days: u16,
}

#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// Keep everything in this folder instead of a temporary one
    #[arg(long)]
    pub(crate) dir: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Init {
    /// Folder to write; made if absent, never overwritten
    pub(crate) dir: PathBuf,
    #[command(flatten)]
    pub(crate) of: InitOf,
    /// How the export is read, as JSON, or - for stdin: the words of `[source.file]`
    #[arg(long, value_name = "FILE", requires = "from")]
    pub(crate) options: Option<PathBuf>,
}

/// What a configuration begins with.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct InitOf {
    /// Which starter: workday, successfactors, bamboohr, dynamics365, aquera, csv2scim
    #[arg(long, value_name = "NAME")]
    pub(crate) source: Option<String>,
    /// A real export: mapping and policy are proposed from its columns and values
    #[arg(long, value_name = "FILE")]
    pub(crate) from: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Profile {
    /// The export
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// How it is read, as JSON, or - for stdin: the words of `[source.file]`
    #[arg(long, value_name = "FILE")]
    pub(crate) options: Option<PathBuf>,
}

/// Where the configuration is, and what time it is.
#[derive(Debug, Clone, Args)]
pub(crate) struct At {
    /// The configuration (rollcall.toml)
    #[arg(short, long, value_name = "FILE")]
    pub(crate) config: PathBuf,

    /// Take this instant for now, like 2026-03-16T02:00:00Z
    #[arg(long, value_name = "INSTANT", value_parser = instant)]
    pub(crate) now: Option<Timestamp>,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct Run {
    #[command(flatten)]
    pub(crate) at: At,

    /// Take this file instead of what lies in the inbox
    #[arg(long, value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Plan {
    #[command(flatten)]
    pub(crate) run: Run,

    /// The plan of a day to come instead, if HR says nothing new until then: a day in UTC, or an
    /// instant and the 24 hours before it. Nothing is stored, and nothing taken out of the inbox
    #[arg(long, value_name = "DAY")]
    pub(crate) as_of: Option<AsOf>,
}

#[derive(Debug, Args)]
pub(crate) struct Check {
    #[command(flatten)]
    pub(crate) at: At,
    /// Also connect, change nothing, and report missing permissions
    #[arg(long)]
    pub(crate) online: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// The configuration (rollcall.toml)
    #[arg(short, long, value_name = "FILE")]
    pub(crate) config: PathBuf,
    /// Seconds between two looks at inbox and schedule
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub(crate) every_secs: u64,
    /// Stop after so many looks (0 = never)
    #[arg(long, default_value_t = 0)]
    pub(crate) rounds: u64,
}

#[derive(Debug, Args)]
pub(crate) struct Report {
    /// The run; without it, the newest one that was planned
    pub(crate) run: Option<String>,
    #[command(flatten)]
    pub(crate) at: At,
    /// What it changed as events of the Open Cybersecurity Schema Framework, one JSON object a line
    #[arg(long)]
    pub(crate) ocsf: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Show {
    /// The run; without it, all that are open or wait for an approval
    pub(crate) run: Option<String>,
    #[command(flatten)]
    pub(crate) at: At,
}

#[derive(Debug, Args)]
pub(crate) struct Explain {
    /// The worker's key, as HR writes it
    pub(crate) worker: String,
    #[command(flatten)]
    pub(crate) at: At,
    /// The run to explain; without it, the newest delivery and the newest actions
    #[arg(long, value_name = "RUN")]
    pub(crate) run: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Approve {
    /// The run whose plan waits
    pub(crate) run: String,
    #[command(flatten)]
    pub(crate) at: At,
    /// Digest of the plan that you have read (12 digits at least)
    #[arg(long, value_name = "HASH")]
    pub(crate) plan: String,
    /// One guard; without it, all that keep something back
    #[arg(long, value_name = "NAME")]
    pub(crate) guard: Option<String>,
    /// One action alone: its id, or how that begins; as often as needed
    #[arg(long = "action", value_name = "ID")]
    pub(crate) actions: Vec<String>,
    /// Why
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: String,
}

#[derive(Debug, Args)]
pub(crate) struct Undo {
    /// The run to take back
    pub(crate) run: String,
    #[command(flatten)]
    pub(crate) at: At,
    /// Why; needed where functions carry out what is planned
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Notice {
    /// The worker's key, as HR writes it
    pub(crate) worker: String,
    #[command(flatten)]
    pub(crate) at: At,
    /// Why
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: String,
}

#[derive(Debug, Args)]
pub(crate) struct Lift {
    #[command(flatten)]
    pub(crate) notice: Notice,
    /// What ends
    #[arg(long, value_enum)]
    pub(crate) what: Lifted,
}

#[derive(Debug, Args)]
pub(crate) struct DeviceWord {
    #[command(flatten)]
    pub(crate) notice: Notice,
    /// The device, by its id in the directory or in device management
    pub(crate) device: String,
    /// What became of it
    #[arg(long, value_enum)]
    pub(crate) is: Became,
}

/// What became of a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Became {
    /// It is lost, or stolen
    Lost,
    /// It is back in the company
    Returned,
}

#[derive(Debug, Args)]
pub(crate) struct Halt {
    #[command(flatten)]
    pub(crate) at: At,
    /// Why
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: String,
}

/// What somebody ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Lifted {
    /// The hold after a run was taken back
    Undone,
    /// A legal hold
    LegalHold,
    /// The hold after a death: somebody looked at the account
    DeceasedReview,
    /// A dismissal that was said here, not by HR
    Dismissal,
}

#[derive(Debug, Args)]
pub(crate) struct Reconcile {
    #[command(flatten)]
    pub(crate) at: At,
    /// The first instant of the period of the control pack; 90 days before its end if absent
    #[arg(long, value_name = "INSTANT", value_parser = instant)]
    pub(crate) from: Option<Timestamp>,
    /// The first instant after it; now if absent
    #[arg(long, value_name = "INSTANT", value_parser = instant)]
    pub(crate) to: Option<Timestamp>,
    /// Draw so many of the joiners, movers and leavers each
    #[arg(long, value_name = "N", requires = "seed")]
    pub(crate) sample: Option<usize>,
    /// What the sample is drawn by: the same text draws the same people
    #[arg(long, value_name = "TEXT", requires = "sample")]
    pub(crate) seed: Option<String>,
    /// Mend what others changed, by a plan like any other: guards, approvals, and all
    #[arg(long)]
    pub(crate) heal: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// A store by itself: a folder or a prefix of a bucket (`s3://…`); then no plan is made again
    #[arg(value_name = "STORE", required_unless_present_any = ["config", "proof"])]
    pub(crate) store: Option<String>,
    /// The configuration (rollcall.toml): plans are made again, too
    #[arg(short, long, value_name = "FILE", conflicts_with = "store")]
    pub(crate) config: Option<PathBuf>,
    /// Take this instant for now, like 2026-03-16T02:00:00Z
    #[arg(long, value_name = "INSTANT", value_parser = instant, requires = "config")]
    pub(crate) now: Option<Timestamp>,
    /// Prove that this entry is still part of the chain
    #[arg(long, value_name = "GENERATION:SHA256")]
    pub(crate) head: Option<Noted>,
    /// Check signatures by this key (PEM or DER); may be said several times
    #[arg(long, value_name = "FILE")]
    pub(crate) public_key: Vec<PathBuf>,
    /// Write a proof of this worker's outcomes, without anybody else's
    #[arg(long, value_name = "WORKER")]
    pub(crate) prove: Option<String>,
    /// Prove what this run did alone
    #[arg(long, value_name = "RUN", requires = "prove")]
    pub(crate) run: Option<String>,
    /// Check such a proof: it takes no store
    #[arg(long, value_name = "FILE", conflicts_with_all = ["store", "config", "prove"])]
    pub(crate) proof: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Erase {
    /// A worker id of theirs, or their key
    pub(crate) worker: String,
    #[command(flatten)]
    pub(crate) at: At,
    /// Also while their account is in use, or steps are to come
    #[arg(long)]
    pub(crate) anyway: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ImportSchema {
    /// The schema as Graph or the portal gives it (JSON)
    pub(crate) file: PathBuf,
    /// The tenant's default domain, where expressions ask for it
    #[arg(long, value_name = "DOMAIN")]
    pub(crate) default_domain: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct ImportWorkflow {
    /// Workflows as Graph gives them (JSON): one a file, or lists of them
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// Scopes are said by what this configuration's mapping writes, and its policy is added to
    #[arg(short, long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Carry over what deletes accounts, too
    #[arg(long)]
    pub(crate) keep_deletes: bool,
    /// What has a scope that cannot be said here holds for everybody, instead of being left out
    #[arg(long)]
    pub(crate) for_everybody: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ExportSchema {
    /// The mapping file
    pub(crate) file: PathBuf,
    /// What the source directory is called there
    #[arg(long, value_name = "NAME", default_value = "Rollcall")]
    pub(crate) source: String,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Mappings {
    /// Run the cases that stand beside mapping files
    Test(MappingFiles),
    /// Name what is right by its grammar and most likely not meant
    Lint(LintFiles),
}

#[derive(Debug, Args)]
pub(crate) struct LintFiles {
    #[command(flatten)]
    pub(crate) files: MappingFiles,
    /// An export whose header has to have every column that the mapping reads
    #[arg(long, value_name = "FILE")]
    pub(crate) header: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct MappingFiles {
    /// A folder with mapping.toml and cases.toml, or with such folders; without it, those that are
    /// shipped
    #[arg(value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Read {
    /// The file
    #[arg(value_name = "FILE", required_unless_present = "cases")]
    pub(crate) file: Option<PathBuf>,
    /// How it is read, as JSON, or - for stdin: the words of `[source.file]`
    #[arg(long, value_name = "FILE")]
    pub(crate) options: Option<PathBuf>,
    /// Many files and how each is read, as JSON: one line for each
    #[arg(long, value_name = "FILE", conflicts_with = "file")]
    pub(crate) cases: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Eval {
    /// The expression
    #[arg(
        long,
        value_name = "EXPRESSION",
        allow_hyphen_values = true,
        required_unless_present = "vectors"
    )]
    pub(crate) expression: Option<String>,
    /// A JSON object with the record's attributes, or - for stdin; without it there are none
    #[arg(long, value_name = "FILE")]
    pub(crate) attributes: Option<PathBuf>,
    /// What `Now()` gives, like 2026-03-16T02:00:00Z
    #[arg(long, value_name = "INSTANT", value_parser = instant)]
    pub(crate) now: Option<Timestamp>,
    /// What `DefaultDomain()` gives
    #[arg(long, value_name = "DOMAIN")]
    pub(crate) default_domain: Option<String>,
    /// A value that `SelectUniqueValue` finds taken; may be repeated
    #[arg(long, value_name = "VALUE")]
    pub(crate) taken: Vec<String>,
    /// Also every function that was called, with its values
    #[arg(long)]
    pub(crate) steps: bool,
    /// As people read it, which is how a terminal gets it anyway; everything else gets JSON
    #[arg(long, conflicts_with = "json")]
    pub(crate) text: bool,
    /// Many at once: a JSON file of vectors, or - for stdin; one JSON line for each comes out
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with_all = [
            "expression", "attributes", "now", "default_domain", "taken", "steps", "text",
        ]
    )]
    pub(crate) vectors: Option<PathBuf>,
    /// How `DateDiff` counts days, hours and minutes
    #[arg(long, value_enum, default_value_t = DateDiff::Elapsed)]
    pub(crate) date_diff: DateDiff,
}

/// See the mapping language's documentation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum DateDiff {
    /// Whole ones that went by
    Elapsed,
    /// Midnights, full hours and full minutes passed
    Boundaries,
}

impl From<DateDiff> for DateDiffReading {
    fn from(given: DateDiff) -> Self {
        match given {
            DateDiff::Elapsed => Self::Elapsed,
            DateDiff::Boundaries => Self::Boundaries,
        }
    }
}

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct Rules {
    #[command(subcommand)]
    pub(crate) what: Option<RuleWhat>,
    #[command(flatten)]
    pub(crate) membership: Membership,
}

#[derive(Debug, Subcommand)]
pub(crate) enum RuleWhat {
    /// What is most likely not meant in a rule, or slow, and what to write instead
    Lint(RuleLint),
    /// Who a rule takes in, by what was applied last; nothing is asked of the tenant
    Members(RuleMembers),
}

#[derive(Debug, Args)]
pub(crate) struct RuleMembers {
    /// The rule
    #[arg(long, value_name = "RULE", allow_hyphen_values = true)]
    pub(crate) rule: String,
    #[command(flatten)]
    pub(crate) at: At,
}

#[derive(Debug, Subcommand)]
pub(crate) enum PolicyCommand {
    /// What is odd about groups and their rules, all of them
    Lint(At),
    /// What a policy does, as Microsoft's Lifecycle Workflows: day by day, task by task
    Workflows(PolicyWorkflows),
    /// Play scenarios over days, and compare what happens with what they say
    Test(PolicyTest),
    /// Make stored runs again by the mapping, policy and groups of today: what would have been
    /// different. Changes nothing
    Diff(PolicyDiff),
}

#[derive(Debug, Args)]
pub(crate) struct PolicyDiff {
    #[command(flatten)]
    pub(crate) at: At,
    /// Runs, by their ids
    #[arg(long, value_name = "RUN", num_args = 1.., required_unless_present = "last")]
    pub(crate) against: Vec<String>,
    /// The newest runs of a delivery, so many
    #[arg(long, value_name = "N", conflicts_with = "against", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) last: Option<u16>,
}

#[derive(Debug, Args)]
pub(crate) struct PolicyWorkflows {
    /// The configuration whose policy it is; without it, the shipped policy P0
    #[arg(short, long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct PolicyTest {
    /// Scenarios: one YAML document a file; a folder stands for all in it
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// Print everything that happens, too
    #[arg(long)]
    pub(crate) show: bool,
}

#[derive(Debug, Args)]
pub(crate) struct RuleLint {
    /// The rule
    #[arg(
        long,
        value_name = "RULE",
        allow_hyphen_values = true,
        required_unless_present = "vectors"
    )]
    pub(crate) rule: Option<String>,
    /// When it is read: `memberOf` works no more from 2026-11-03 on; without it the time it is
    #[arg(long, value_name = "INSTANT", value_parser = instant)]
    pub(crate) now: Option<Timestamp>,
    /// As people read it, which is how a terminal gets it anyway; everything else gets JSON
    #[arg(long, conflicts_with = "json")]
    pub(crate) text: bool,
    /// Many at once: a JSON file of rules, or - for stdin; one JSON line for each comes out
    #[arg(long, value_name = "FILE", conflicts_with_all = ["rule", "text"])]
    pub(crate) vectors: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Membership {
    /// The rule
    #[arg(
        long,
        value_name = "RULE",
        allow_hyphen_values = true,
        required_unless_present = "vectors"
    )]
    pub(crate) rule: Option<String>,
    /// A JSON object with the properties of the user or device, or - for stdin
    #[arg(long, value_name = "FILE", required_unless_present = "vectors")]
    pub(crate) subject: Option<PathBuf>,
    /// What `system.now` is; without it the time it is, and `memberOf` is read as before its end
    #[arg(long, value_name = "INSTANT", value_parser = instant)]
    pub(crate) now: Option<Timestamp>,
    /// As people read it, which is how a terminal gets it anyway; everything else gets JSON
    #[arg(long, conflicts_with = "json")]
    pub(crate) text: bool,
    /// Many at once: a JSON file of vectors, or - for stdin; one JSON line for each comes out
    #[arg(long, value_name = "FILE", conflicts_with_all = ["rule", "subject", "now", "text"])]
    pub(crate) vectors: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Rehearsal {
    /// Serve it on a port of this machine
    Serve(RehearsalServe),
    /// Fill the tenant of a configuration with what Graph listed of your own
    Import(RehearsalImport),
}

#[derive(Debug, Args)]
pub(crate) struct RehearsalImport {
    #[command(flatten)]
    pub(crate) at: At,
    /// What Graph answered (JSON): lists of users, groups and devices, one list a file or an array of its pages
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct RehearsalServe {
    /// Port on 127.0.0.1; 0 takes a free one
    #[arg(long, default_value_t = 0)]
    pub(crate) port: u16,
    /// File that keeps the tenant's users
    #[arg(long, value_name = "FILE")]
    pub(crate) tenant_file: Option<PathBuf>,
    /// Domains that sign-in names may have
    #[arg(
        long = "domain",
        value_name = "DOMAIN",
        default_value = "woodgrove.example"
    )]
    pub(crate) domains: Vec<String>,
    /// Share of calls that fail in a documented way
    #[arg(long, default_value_t = 0.0, value_parser = share)]
    pub(crate) fault_share: f64,
    /// Which calls those are
    #[arg(long, default_value_t = 0)]
    pub(crate) fault_seed: u64,
}

fn instant(text: &str) -> Result<Timestamp, String> {
    text.parse()
        .map_err(|_| "an instant is written like 2026-03-16T02:00:00Z".to_owned())
}

fn share(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(share) if (0.0..=1.0).contains(&share) => Ok(share),
        Ok(_) | Err(_) => Err("a share from 0 to 1".to_owned()),
    }
}
