//! `rollcall.toml`: typed and strict. Parsing and checking touch nothing but the files named.
//!
//! Two steps: `parse` (syntax, with line and caret) and `Settings::read` (the files it names,
//! every mistake in one list). Only then is anything connected.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use jiff::SignedDuration;
use rollcall_core::delta::Coverage;
use rollcall_core::digest::{EvidenceKey, sha256};
use rollcall_core::groups::Groups;
use rollcall_core::mapping::Mapping;
use rollcall_core::model::{Op, SourceName};
use rollcall_core::owners::Owners;
use rollcall_core::policy::{Policy, Workflows, scope_lines, slice_place};
use rollcall_core::reconcile::Register;
use rollcall_core::slices::Slices;
use rollcall_core::texts::Texts;
use rollcall_core::workers::ProtectedRule;
use rollcall_entra::{Cloud, Wants};
use rollcall_files::Reading;
use rollcall_rest::RestConfig;
use rollcall_successfactors::SuccessFactorsConfig;
use serde::Deserialize;

use crate::notify::{NotifySettings, NotifyTable};
use crate::sign::Signer;
use crate::sources::{Feed, Feeds, Pattern};

/// The evidence key that starter configurations for the rehearsal tenant ship with: the same
/// everywhere, so that rehearsals can be compared, and refused for a real tenant.
pub const REHEARSAL_KEY: &str = "rehearsal only: this key is public\n";

/// The file as written.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// 1.
    pub format_version: u32,
    /// Where the store lies: a folder, relative to this file, or `s3://bucket/prefix`.
    #[serde(default)]
    pub store: Location,
    /// Where values, state, reports and the inbox lie, when apart from the evidence: another
    /// bucket, with other rules for what is kept how long.
    #[serde(default)]
    pub values: Option<Location>,
    /// How long what is no evidence is kept.
    #[serde(default)]
    pub retention: Retention,
    /// Minutes after which a run that makes no headway is stuck.
    #[serde(default = "stuck_minutes")]
    pub stuck_minutes: u32,
    /// A file beside this one that says `store`, `values` and `[queue]` in its place: what a
    /// deployment knows about itself.
    #[serde(default)]
    pub deployment: Option<PathBuf>,
    /// Where orders go. Without it this process carries them out itself.
    #[serde(default)]
    pub queue: Option<Queues>,
    /// The attribute mapping of sources that name none of their own, relative to this file.
    #[serde(default)]
    pub mapping: Option<PathBuf>,
    /// The lifecycle policy, relative to this file.
    pub policy: PathBuf,
    /// Groups, relative to this file; without them nothing is said of groups.
    #[serde(default)]
    pub groups: Option<PathBuf>,
    /// What counts as late and as dormant, and the register of exceptions, relative to this file.
    #[serde(default)]
    pub reconcile: Option<PathBuf>,
    /// Where notices go; without it nobody is told anything.
    #[serde(default)]
    pub notify: Option<Box<NotifyTable>>,
    /// What evidence is protected with.
    #[serde(default)]
    pub evidence: Evidence,
    /// Where HR data come from: one table, or several (`[[source]]`), the home source first.
    pub source: Sources,
    /// Attributes that one source says, whichever employment counts.
    #[serde(default)]
    pub owners: BTreeMap<String, String>,
    /// Where accounts live.
    pub target: Target,
}

/// Where a store lies.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum Location {
    /// A folder.
    Folder(PathBuf),
    /// A prefix of a bucket on S3.
    Bucket {
        /// The bucket.
        bucket: String,
        /// Where in it; empty: all of it.
        prefix: String,
    },
}

impl Default for Location {
    fn default() -> Self {
        Self::Folder(PathBuf::from("."))
    }
}

impl TryFrom<String> for Location {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let Some(rest) = text.strip_prefix("s3://") else {
            if let Some((scheme, _)) = text.split_once("://") {
                return Err(format!(
                    "a store lies in a folder or at s3://bucket/prefix, not at {scheme}://"
                ));
            }
            return Ok(Self::Folder(PathBuf::from(text)));
        };
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || ".-".contains(c);
        if bucket.len() < 3 || !bucket.chars().all(plain) {
            return Err(
                "s3://BUCKET/PREFIX: a bucket has 3 to 63 small letters, digits, dots and \
                        hyphens"
                    .to_owned(),
            );
        }
        Ok(Self::Bucket {
            bucket: bucket.to_owned(),
            prefix: prefix.trim_end_matches('/').to_owned(),
        })
    }
}

/// Two FIFO queues on SQS.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Queues {
    /// Address of the queue for cuts.
    pub urgent: String,
    /// Address of the queue for everything else.
    pub bulk: String,
}

/// What evidence is protected with: exactly one of the two keys, and what signs.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evidence {
    /// File whose bytes are the key of all value digests, relative to this file.
    #[serde(default)]
    pub key_file: Option<PathBuf>,
    /// Name or ARN of a secret in AWS Secrets Manager whose text is that key.
    #[serde(default)]
    pub key_secret: Option<String>,
    /// What signs the log at every close.
    #[serde(default)]
    pub sign: Option<Sign>,
}

/// A key that signs.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sign {
    /// An unencrypted Ed25519 key (PKCS #8, PEM or DER), relative to this file.
    KeyFile(PathBuf),
    /// ARN of an asymmetric key at AWS KMS: `ECC_NIST_P256` or `ECC_NIST_EDWARDS25519`.
    Kms(String),
}

impl Sign {
    /// The key, or the way to it. `folder` is where the configuration lies.
    fn open(&self, folder: &Path) -> Result<Signer, String> {
        let file = match self {
            Self::Kms(arn) => return Ok(Signer::kms(arn)),
            Self::KeyFile(file) => folder.join(file),
        };
        let bytes = std::fs::read(&file)
            .map_err(|e| format!("{} cannot be read: {}", file.display(), e.kind()))?;
        Signer::held(&bytes).map_err(|e| format!("{}: {e}", file.display()))
    }
}

/// Days that what is no evidence is kept. Evidence never expires by us.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retention {
    /// Values of a run, and files of the inbox that nobody took: 35 unless said. A bucket has rules of
    /// its own for them.
    #[serde(default)]
    pub values_days: Option<u32>,
    /// Reports: 400 unless said. A bucket has rules of its own for them.
    #[serde(default)]
    pub report_days: Option<u32>,
    /// State that nothing needs any more: as long as values unless said.
    #[serde(default)]
    pub state_days: Option<u32>,
}

impl Retention {
    /// Days that values are kept.
    pub fn values(&self) -> u32 {
        self.values_days.unwrap_or(35)
    }

    /// Days that reports are kept.
    pub fn reports(&self) -> u32 {
        self.report_days.unwrap_or(400)
    }

    /// Days that state is kept after nothing needs it any more.
    pub fn state(&self) -> u32 {
        self.state_days.unwrap_or(self.values())
    }
}

const fn stuck_minutes() -> u32 {
    60
}

/// The file that a deployment writes: what it knows about itself.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Deployment {
    format_version: u32,
    store: Location,
    #[serde(default)]
    values: Option<Location>,
    #[serde(default)]
    retention: Retention,
    #[serde(default)]
    queue: Option<Queues>,
    #[serde(default)]
    evidence: Option<Evidence>,
}

/// One source, or several in their order.
#[derive(Debug, Clone, PartialEq)]
pub struct Sources(pub Vec<Source>);

impl<'de> Deserialize<'de> for Sources {
    /// `#[serde(untagged)]` would lose the line and the key of a mistake.
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct OneOrMany;
        impl<'de> serde::de::Visitor<'de> for OneOrMany {
            type Value = Sources;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("`[source]`, or `[[source]]` once for each")
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(self, map: A) -> Result<Sources, A::Error> {
                let one = Source::deserialize(serde::de::value::MapAccessDeserializer::new(map))?;
                Ok(Sources(vec![one]))
            }

            fn visit_seq<A: serde::de::SeqAccess<'de>>(
                self,
                mut all: A,
            ) -> Result<Sources, A::Error> {
                let mut out = Vec::new();
                while let Some(source) = all.next_element()? {
                    out.push(source);
                }
                Ok(Sources(out))
            }
        }
        from.deserialize_any(OneOrMany)
    }
}

/// One HR feed.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// What it is called in state and reports.
    pub name: String,
    /// Its files in the inbox: a name in which `*` is any text. One source alone takes every file.
    #[serde(default)]
    pub files: Option<String>,
    /// Its attribute mapping, relative to this file; the one above where absent.
    #[serde(default)]
    pub mapping: Option<PathBuf>,
    /// It brings persons. `false`: values of attributes that it owns, of persons whom others bring.
    #[serde(default = "yes")]
    pub population: bool,
    /// Hours from which on its newest accepted data are old; `gates.max_source_age_h` of the policy
    /// where absent.
    #[serde(default)]
    pub max_age_hours: Option<u32>,
    /// What absence from a file means. Only `full` proves it.
    #[serde(default)]
    pub coverage: Option<Covers>,
    /// Hours after which everybody is asked for again, where the source can be asked for changes:
    /// in between only those are. Without it, everybody each time.
    #[serde(default)]
    pub full_every_hours: Option<u32>,
    /// Minutes between two pulls of `serve`; a day where absent. A `run`, a `pull` and a schedule at
    /// AWS ask each time.
    #[serde(default)]
    pub every_minutes: Option<u32>,
    /// Exports that arrive as files.
    #[serde(default)]
    pub file: Option<Reading>,
    /// Workday is asked.
    #[serde(default)]
    pub workday: Option<Box<rollcall_workday::Config>>,
    /// SAP SuccessFactors is asked.
    #[serde(default)]
    pub successfactors: Option<Box<SuccessFactorsConfig>>,
    /// Any system of JSON or SCIM is asked.
    #[serde(default)]
    pub rest: Option<Box<RestConfig>>,
}

/// Where the data of a source come from.
#[derive(Debug, Clone, Copy)]
pub enum Way<'a> {
    /// Files.
    File(&'a Reading),
    /// Workday.
    Workday(&'a rollcall_workday::Config),
    /// SAP SuccessFactors.
    SuccessFactors(&'a SuccessFactorsConfig),
    /// Any system of JSON or SCIM.
    Rest(&'a RestConfig),
}

/// What the files of a feed cover.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Covers {
    /// All of them the same.
    All(CoverageSetting),
    /// Each what its name says: names in which `*` is any text, by coverage.
    ByName(BTreeMap<CoverageSetting, String>),
}

impl<'de> Deserialize<'de> for Covers {
    /// `#[serde(untagged)]` would lose the line and the key of a mistake.
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct WordOrNames;
        impl<'de> serde::de::Visitor<'de> for WordOrNames {
            type Value = Covers;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("`full`, `partial`, `delta` or `unknown`, or names of files by these")
            }

            fn visit_str<E: serde::de::Error>(self, word: &str) -> Result<Covers, E> {
                let word = serde::de::value::StrDeserializer::new(word);
                CoverageSetting::deserialize(word).map(Covers::All)
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(self, map: A) -> Result<Covers, A::Error> {
                let names = serde::de::value::MapAccessDeserializer::new(map);
                BTreeMap::deserialize(names).map(Covers::ByName)
            }
        }
        from.deserialize_any(WordOrNames)
    }
}

/// What a file of the feed covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CoverageSetting {
    /// Every worker.
    Full,
    /// Every worker of a part.
    Partial,
    /// Only changes.
    Delta,
    /// Nobody said: absence proves nothing.
    #[default]
    Unknown,
}

/// Where accounts live: exactly one.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum Target {
    /// A simulated tenant inside this process.
    Rehearsal(Rehearsal),
    /// Microsoft Entra ID.
    Entra(Entra),
}

impl Target {
    /// The target's own id of the tenant, where it has one.
    pub fn tenant(&self) -> Option<&str> {
        match self {
            Self::Rehearsal(_) => None,
            Self::Entra(entra) => Some(&entra.tenant_id),
        }
    }
}

/// A simulated tenant.
#[derive(Debug, Clone, PartialEq, Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub struct Rehearsal {
    /// Domains that sign-in names may have.
    pub verified_domains: Vec<String>,
    /// File that keeps its users between runs, relative to this file. Without it the tenant is
    /// empty each time.
    pub tenant_file: Option<PathBuf>,
    /// Seats that it has, by the part number of the licence.
    pub seats: std::collections::BTreeMap<String, u32>,
    /// Share of calls that fail in a documented way, 0 to 1.
    pub fault_share: f64,
    /// Which calls those are.
    pub fault_seed: u64,
    /// Application permissions that the tenant did not give us.
    pub without_permissions: Vec<String>,
    /// What of devices a second administrator of the tenant has to consent to (Multi Admin Approval).
    pub admin_approval: Vec<AdminApproval>,
}

/// What a second administrator may have to consent to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AdminApproval {
    /// Taking company data off a device.
    Retire,
    /// Resetting a device.
    Wipe,
    /// Deleting the record of a device in Intune.
    Delete,
}

/// Microsoft Entra ID through Microsoft Graph.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entra {
    /// Directory (tenant) id.
    pub tenant_id: String,
    /// Application (client) id.
    pub client_id: String,
    /// Name of the environment variable that holds the client secret.
    #[serde(default)]
    pub client_secret_env: Option<String>,
    /// Name or ARN of a secret in AWS Secrets Manager that holds the client secret.
    #[serde(default)]
    pub client_secret: Option<String>,
    /// A file with a certificate and its key (PEM), relative to the configuration.
    #[serde(default)]
    pub certificate_file: Option<PathBuf>,
    /// Name or ARN of a secret in AWS Secrets Manager that holds the same.
    #[serde(default)]
    pub certificate: Option<String>,
    /// No secret at all: who this process is at AWS proves it to the login host.
    #[serde(default)]
    pub federation: Option<Federation>,
    /// Users in the tenant: `S` under 50, `M` 50 to 500, `L` above (sets the read quota).
    #[serde(default = "large")]
    pub tenant_size: TenantSize,
    /// Share of every quota that Rollcall may use, above 0 to 1.
    #[serde(default = "whole")]
    pub share: f64,
    /// Which of Microsoft's clouds the tenant is in.
    #[serde(default)]
    pub cloud: Cloud,
    /// Login origin in place of the cloud's, for a rehearsal.
    #[serde(default)]
    pub login: Option<String>,
    /// Graph origin in place of the cloud's, for a rehearsal.
    #[serde(default)]
    pub graph: Option<String>,
}

impl Entra {
    /// Origin of the login host.
    pub fn login(&self) -> &str {
        self.login.as_deref().unwrap_or_else(|| self.cloud.login())
    }

    /// Origin of the Graph host.
    pub fn graph(&self) -> &str {
        self.graph.as_deref().unwrap_or_else(|| self.cloud.graph())
    }
}

/// Who vouches for this process in place of a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Federation {
    /// The role that it has at AWS, by a token of its token service ("Outbound identity
    /// federation", IAM User Guide).
    Aws,
}

/// Size class of a tenant (learn.microsoft.com/graph/throttling-limits).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum TenantSize {
    /// Fewer than 50 users.
    S,
    /// 50 to 500 users.
    M,
    /// More than 500 users.
    L,
}

fn yes() -> bool {
    true
}
fn large() -> TenantSize {
    TenantSize::L
}
fn whole() -> f64 {
    1.0
}

/// Everything that is wrong with a configuration, each entry with the file it is about.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", problems.join("\n"))]
pub struct ConfigError {
    /// One entry a mistake.
    pub problems: Vec<String>,
}

impl ConfigError {
    fn one(problem: String) -> Self {
        Self {
            problems: vec![problem],
        }
    }
}

enum KeyText {
    File(String),
    Secret(String),
}

/// A checked configuration with the files it names.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The file as written.
    pub config: Config,
    /// Where it lies: everything in it is relative to this.
    pub folder: PathBuf,
    /// The sources with their mappings, and who owns what.
    pub feeds: Feeds,
    /// The policy.
    pub policy: Policy,
    /// The policy file's text: sealed with each plan.
    pub policy_text: String,
    /// The groups, and their file's text: sealed with each plan.
    pub groups: Option<Arc<(Groups, String)>>,
    /// What `reconcile` judges by, and what is excepted.
    pub register: Arc<Register>,
    /// Texts, and where they go.
    pub notify: Option<Arc<NotifySettings>>,
    /// What evidence is protected with.
    pub key: Key,
    /// What signs the log.
    pub signer: Option<Signer>,
}

/// The evidence key, or where it is.
#[derive(Debug, Clone)]
pub enum Key {
    /// Read from its file.
    Held(EvidenceKey),
    /// In a secret of this name, which connecting fetches.
    Secret(String),
}

impl Settings {
    /// What of the tenant the configuration needs.
    pub fn wants(&self) -> Wants {
        let groups = self.groups.as_ref().map(|groups| &groups.0);
        let wants = groups.map_or_else(Wants::default, Wants::of);
        wants.with(&self.policy).writing(self.mapping().targets())
    }

    /// Reads and checks a configuration and all it names. Connects to nothing.
    ///
    /// # Errors
    /// Every mistake of every file, where the syntax allows going on.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = read(path)?;
        let mut config: Config = toml::from_str(&text)
            .map_err(|e| ConfigError::one(format!("{}:\n{e}", path.display())))?;
        let folder = path.parent().unwrap_or(Path::new(".")).to_owned();
        if let Some(file) = config.deployment.clone() {
            config.deployed(&folder.join(file))?;
        }
        let mut problems: Vec<String> = config
            .problems()
            .into_iter()
            .map(|p| format!("{}: {p}", path.display()))
            .collect();
        let mut load = |file: &Path| {
            read(&folder.join(file))
                .map_err(|e| problems.extend(e.problems))
                .ok()
        };
        let mut texts: BTreeMap<&Path, Option<String>> = BTreeMap::new();
        for source in &config.source.0 {
            if let Some(file) = config.mapping_of(source) {
                texts.entry(file).or_insert_with(|| load(file));
            }
        }
        let policy_text = load(&config.policy);
        let groups_text = config.groups.as_deref().and_then(&mut load);
        let register_text = config.reconcile.as_deref().map(&mut load);
        let notices_text = config.notify.as_ref().and_then(|it| load(&it.texts));
        let key_file = config.evidence.key_file.as_deref();
        let key = match (key_file, &config.evidence.key_secret) {
            (Some(file), None) => load(file).map(KeyText::File),
            (None, Some(name)) => Some(KeyText::Secret(name.clone())),
            (Some(_), Some(_)) | (None, None) => None,
        };
        let signer = config.evidence.sign.as_ref();
        let signer = signer.map(|sign| sign.open(&folder)).transpose();
        let signer = signer.unwrap_or_else(|problem| {
            problems.push(problem);
            None
        });
        let name = |file: &Path| folder.join(file).display().to_string();
        let feeds = config.source.0.iter().map(|source| {
            let file = config.mapping_of(source)?;
            let text = texts.get(file)?.clone()?;
            let named = SourceName::new(&source.name);
            Feed::read(
                named,
                source.population,
                source.max_age_hours,
                text,
                &name(file),
            )
            .map_err(|e| problems.push(e.to_string()))
            .ok()
        });
        let feeds: Option<Vec<Feed>> = feeds.collect::<Vec<_>>().into_iter().collect();
        let feeds = feeds.filter(|feeds| !feeds.is_empty()).map(|feeds| {
            let found = config.problems_between(&feeds);
            problems.extend(
                found
                    .into_iter()
                    .map(|p| format!("{}: {p}", path.display())),
            );
            Feeds::new(feeds, config.owners())
        });
        let mapping = feeds.as_ref().map(|feeds| feeds.home().mapping.clone());
        let policy = policy_text.as_ref().and_then(|text| {
            Policy::parse(text, &name(&config.policy))
                .map_err(|e| problems.push(e.to_string()))
                .ok()
        });
        let groups = config.groups.as_ref().zip(groups_text);
        let groups = groups.zip(mapping.as_ref());
        let groups = groups.and_then(|((file, text), mapping)| {
            let groups = Groups::parse(&text, &name(file), mapping);
            let groups = groups.map_err(|e| problems.push(e.to_string())).ok()?;
            Some(Arc::new((groups, text)))
        });
        let register = config.reconcile.as_ref().zip(register_text.flatten());
        let register = register.map_or_else(Register::default, |(file, text)| {
            let read = Register::parse(&text, &name(file));
            read.unwrap_or_else(|e| {
                problems.push(e.to_string());
                Register::default()
            })
        });
        let notify = config.notify.as_ref().zip(notices_text);
        let notify = notify.zip(mapping.as_ref());
        let notify = notify.and_then(|((table, notices), mapping)| {
            let read = Texts::parse(&notices, &name(&table.texts), mapping);
            let read = read.map_err(|e| problems.push(e.to_string())).ok()?;
            let checked = table.check(&text, read, notices, &config.target);
            let wrong = |it: Vec<String>| {
                problems.extend(it.iter().map(|it| format!("{}: {it}", path.display())));
            };
            checked.map_err(wrong).ok().map(Arc::new)
        });
        if let (Some(notify), Location::Folder(store)) = (&notify, &config.store)
            && let Some(handed) = notify.passes_into()
        {
            match inside(&folder.join(handed), &folder.join(store)) {
                Ok(false) => {}
                Ok(true) => problems.push(format!(
                    "{}: `notify.file.folder` lies in the folder of the store, and passes are secrets: name a folder \
                     outside of it, or let tap.issue go by a webhook",
                    path.display()
                )),
                Err(e) => problems.push(format!(
                    "{}: nobody can tell whether `notify.file.folder` lies in the folder of the store: {e}",
                    path.display()
                )),
            }
        }
        if let (Some(policy), Some(mapping)) = (&policy, &mapping)
            && let Err(error) = ProtectedRule::compile(policy, mapping)
        {
            let file = name(&config.policy);
            problems.push(format!("{file}: `protected.rule`, {}: {error}", error.kind));
        }
        if let (Some(policy), Some(mapping)) = (&policy, &mapping)
            && let Err(errors) = Slices::compile(policy, mapping, &EvidenceKey::new(Vec::new()))
        {
            let file = name(&config.policy);
            let text = policy_text.as_deref().unwrap_or_default();
            problems.extend(errors.iter().map(|error| {
                let place = slice_place(text, error.at, error.key);
                format!("{file}: {place}{error}")
            }));
        }
        if let (Some(policy), Some(text), Some(mapping)) = (&policy, &policy_text, &mapping)
            && let Err(error) = Workflows::compile(policy, mapping)
        {
            let (file, lines) = (name(&config.policy), scope_lines(text));
            let line = lines.get(error.at).copied().unwrap_or_default();
            problems.push(format!("{file}: line {line}: {error}"));
        }
        if let Some(policy) = &policy {
            let file = name(&config.policy);
            let missing = not_done(policy, notify.as_deref());
            // Whatever is wrong with `[notify]` is said already.
            if config.notify.is_none() || notify.is_some() {
                problems.extend(missing.into_iter().map(|it| format!("{file}: {it}")));
            }
        }
        if let (Some(KeyText::File(text)), Some(file)) = (&key, key_file) {
            problems.extend(key_problem(text, &config.target, &name(file)));
        }
        match (feeds, policy, policy_text, key) {
            (Some(feeds), Some(policy), Some(policy_text), Some(key)) if problems.is_empty() => {
                Ok(Self {
                    key: match key {
                        KeyText::File(text) => Key::Held(EvidenceKey::new(text.into_bytes())),
                        KeyText::Secret(name) => Key::Secret(name),
                    },
                    config,
                    folder,
                    feeds,
                    policy,
                    policy_text,
                    groups,
                    register: Arc::new(register),
                    notify,
                    signer,
                })
            }
            _ => Err(ConfigError { problems }),
        }
    }

    /// The home source: keys are hashed after its name.
    pub fn source(&self) -> SourceName {
        self.feeds.home().name.clone()
    }

    /// The mapping of the home source: what policy, groups and texts see of workers.
    pub fn mapping(&self) -> &Mapping {
        &self.feeds.home().mapping
    }

    /// Whose a file is, by its name, and how it is read: the only source, or the one whose `files` it
    /// is of.
    pub fn source_of(&self, file: &str) -> Option<(&Source, &Reading)> {
        let all = &self.config.source.0;
        let takes = |source: &&Source| match &source.files {
            Some(files) => Pattern::new(files).takes(file),
            None => all.len() == 1,
        };
        let source = all.iter().find(takes)?;
        Some((source, source.file.as_ref()?))
    }

    /// What files may be called, for people.
    pub fn files(&self) -> String {
        let all = self.config.source.0.iter().filter(|it| it.file.is_some());
        let named = all.map(|it| {
            let files = it.files.as_deref().unwrap_or("*");
            format!("`{files}` ({})", it.name)
        });
        named.collect::<Vec<_>>().join(", ")
    }
}

impl Source {
    /// What absence from a file of this name means; `None` where the configuration goes by names,
    /// and this is none of them, or of two.
    pub fn covers(&self, file: &str) -> Option<Coverage> {
        let of = |setting: CoverageSetting| match setting {
            CoverageSetting::Full => Coverage::Full,
            CoverageSetting::Partial => Coverage::Partial(self.name.clone()),
            CoverageSetting::Delta => Coverage::Delta,
            CoverageSetting::Unknown => Coverage::Unknown,
        };
        match &self.coverage {
            None => Some(of(CoverageSetting::Unknown)),
            Some(Covers::All(setting)) => Some(of(*setting)),
            Some(Covers::ByName(names)) => {
                let named = |(_, files): &(_, &String)| Pattern::new(files).takes(file);
                let mut named = names.iter().filter(named);
                let only = named.next().filter(|_| named.next().is_none());
                only.map(|(setting, _)| of(*setting))
            }
        }
    }

    /// Where its data come from: one way, where the configuration was checked.
    pub fn ways(&self) -> impl Iterator<Item = Way<'_>> {
        let ways = [
            self.file.as_ref().map(Way::File),
            self.workday.as_deref().map(Way::Workday),
            self.successfactors.as_deref().map(Way::SuccessFactors),
            self.rest.as_deref().map(Way::Rest),
        ];
        ways.into_iter().flatten()
    }

    /// Time between two pulls of whoever looks again and again.
    pub fn pause(&self) -> SignedDuration {
        SignedDuration::from_mins(i64::from(self.every_minutes.unwrap_or(24 * 60)))
    }

    /// How it is asked, as one hash: a cursor is of that alone. Secrets are not in it.
    pub fn way_sha256(&self) -> String {
        let ways: Vec<Way<'_>> = self.ways().collect();
        sha256(format!("{ways:?}").as_bytes())
    }

    /// What a pull that covers this means: the configuration can only make less of it.
    pub fn less(&self, said: Coverage) -> Coverage {
        match (&self.coverage, said) {
            (Some(Covers::All(CoverageSetting::Unknown)), Coverage::Full) => Coverage::Unknown,
            (Some(Covers::All(CoverageSetting::Partial)), Coverage::Full) => {
                Coverage::Partial(self.name.clone())
            }
            (_, said) => said,
        }
    }

    /// What is wrong with where its data come from.
    fn problems_of_way(&self) -> Vec<String> {
        let name = &self.name;
        let mut ways = self.ways();
        let (way, more) = (ways.next(), ways.next());
        let Some(way) = way.filter(|_| more.is_none()) else {
            return vec![format!(
                "source `{name}`: its data come from one place: say one of `[source.file]`, \
                 `[source.workday]`, `[source.successfactors]` and `[source.rest]`"
            )];
        };
        let (table, problems) = match way {
            Way::File(reading) => ("source.file", reading.problems()),
            Way::Workday(config) => ("source.workday", config.problems()),
            Way::SuccessFactors(config) => ("source.successfactors", config.problems()),
            Way::Rest(config) => ("source.rest", config.problems()),
        };
        let problems = problems.into_iter();
        let mut out: Vec<String> = problems.map(|it| format!("`{table}`: {it}")).collect();
        let asked = self.file.is_none();
        if asked && self.files.is_some() {
            out.push(format!(
                "`source.files` is for files, and `{name}` is asked"
            ));
        }
        let (names, delta) = match &self.coverage {
            Some(Covers::ByName(_)) => (true, false),
            Some(Covers::All(setting)) => (false, *setting == CoverageSetting::Delta),
            None => (false, false),
        };
        if asked && (names || delta) {
            out.push(format!(
                "`source.coverage`: `{name}` is asked and says itself what it covers; `partial` and \
                 `unknown` make less of that, names and `delta` are for files"
            ));
        }
        if !asked && (self.full_every_hours.is_some() || self.every_minutes.is_some()) {
            out.push(format!(
                "`full_every_hours` and `every_minutes` are for sources that are asked, and `{name}` \
                 sends files"
            ));
        }
        if self.full_every_hours == Some(0) || self.every_minutes == Some(0) {
            out.push("`full_every_hours` and `every_minutes` are 1 or more".to_owned());
        }
        out
    }

    /// What is wrong with names by coverage.
    fn problems_of_coverage(&self) -> Option<String> {
        let Some(Covers::ByName(names)) = &self.coverage else {
            return None;
        };
        names
            .is_empty()
            .then(|| "`source.coverage` names no files".to_owned())
    }

    /// What is wrong with it alone; `several`: it is one of more.
    fn problems(&self, several: bool) -> Vec<String> {
        let mut out = Vec::new();
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        let name = &self.name;
        if name.is_empty() || name.len() > 40 || !name.chars().all(plain) {
            out.push(
                "`source.name` takes 1 to 40 letters, digits, `-` or `_`: it is part of keys"
                    .to_owned(),
            );
        }
        // Which one is clear where there is one.
        let place = if several {
            format!("source `{name}`: ")
        } else {
            String::new()
        };
        out.extend(
            self.problems_of_coverage()
                .map(|wrong| format!("{place}{wrong}")),
        );
        out.extend(
            self.problems_of_way()
                .into_iter()
                .map(|wrong| format!("{place}{wrong}")),
        );
        if self
            .max_age_hours
            .is_some_and(|it| !(1..=8760).contains(&it))
        {
            out.push(format!(
                "{place}`source.max_age_hours` goes from 1 to 8760, a year"
            ));
        }
        match &self.files {
            Some(files) if files.is_empty() || files.contains('/') => out.push(format!(
                "{place}`source.files` is the name of a file in the inbox, `*` for any text in it: \
                 `{name}_*.csv`"
            )),
            Some(files)
                if DROPS
                    .iter()
                    .any(|drop| Pattern::new(files).overlaps(&Pattern::new(drop))) =>
            {
                out.push(format!(
                    "{place}`source.files` = `{files}` also takes files whose names begin with \
                     `dismiss`: those are dismissals"
                ));
            }
            None if several && self.file.is_some() => out.push(format!(
                "{place}`source.files` is missing: of several sources each says what its files in \
                 the inbox are called, `{name}_*.csv`"
            )),
            Some(_) | None => {}
        }
        out
    }
}

/// What files of dismissals are called.
const DROPS: [&str; 2] = ["dismiss*.csv", "dismiss*.txt"];

impl Config {
    /// Takes over what the deployment's file says.
    fn deployed(&mut self, path: &Path) -> Result<(), ConfigError> {
        let fail = |why: String| Err(ConfigError::one(format!("{}: {why}", path.display())));
        let said: Deployment = toml::from_str(&read(path)?)
            .map_err(|e| ConfigError::one(format!("{}:\n{e}", path.display())))?;
        if said.format_version != 1 {
            return fail(format!(
                "`format_version` is {}; this version of rollcall reads 1",
                said.format_version
            ));
        }
        let twice = self.store != Location::default()
            || self.values.is_some()
            || self.queue.is_some()
            || (said.retention != Retention::default() && self.retention != Retention::default())
            || (said.evidence.is_some() && self.evidence != Evidence::default());
        if twice {
            return fail(
                "store, values, queue, retention and evidence key are said here: take them out of the file \
                 that names this one"
                    .to_owned(),
            );
        }
        self.store = said.store;
        self.values = said.values;
        self.queue = said.queue;
        if said.retention != Retention::default() {
            self.retention = said.retention;
        }
        if let Some(evidence) = said.evidence {
            self.evidence = evidence;
        }
        Ok(())
    }

    /// The mapping file of a source.
    fn mapping_of<'a>(&'a self, source: &'a Source) -> Option<&'a Path> {
        source.mapping.as_deref().or(self.mapping.as_deref())
    }

    /// Who owns which attribute.
    fn owners(&self) -> Owners {
        let owners = self.owners.iter();
        Owners::new(
            owners
                .map(|(name, owner)| (name.clone(), SourceName::new(owner)))
                .collect(),
        )
    }

    /// What is wrong with the sources and owners as they are written.
    fn problems_of_sources(&self) -> Vec<String> {
        let sources = &self.source.0;
        let mut out = Vec::new();
        if sources.is_empty() {
            out.push("`source` is empty: say `[[source]]` for each".to_owned());
        }
        for (at, source) in sources.iter().enumerate() {
            out.extend(source.problems(sources.len() > 1));
            let name = &source.name;
            if self.mapping_of(source).is_none() {
                out.push(format!(
                    "source `{name}`: no `mapping`, neither of its own nor at the top of this file"
                ));
            }
            if sources.len() == 1 && source.mapping.is_some() && self.mapping.is_some() {
                out.push(
                    "`mapping` is said twice: at the top of this file and in `[source]`".to_owned(),
                );
            }
            if at == 0 && !source.population {
                out.push(format!(
                    "source `{name}`: the first source brings persons, it cannot have `population = \
                     false`; put one that does before it"
                ));
            }
            for other in &sources[..at] {
                if other.name == *name {
                    out.push(format!("two sources are called `{name}`"));
                }
                if let (Some(one), Some(two)) = (&other.files, &source.files)
                    && Pattern::new(one).overlaps(&Pattern::new(two))
                {
                    out.push(format!(
                        "`source.files`: a file may be both of `{one}` ({}) and of `{two}` ({name}); \
                         let no name fit both",
                        other.name
                    ));
                }
            }
        }
        for (attribute, owner) in &self.owners {
            if !sources.iter().any(|source| source.name == *owner) {
                let names: Vec<&str> = sources.iter().map(|it| it.name.as_str()).collect();
                out.push(format!(
                    "`owners.{attribute}`: `{owner}` is no source; there are {}",
                    names.join(", ")
                ));
            }
        }
        out
    }

    /// What is wrong between the sources, now that their mappings are read.
    fn problems_between(&self, feeds: &[Feed]) -> Vec<String> {
        let mut out = Vec::new();
        for (attribute, owner) in &self.owners {
            if [
                "userPrincipalName",
                "employeeId",
                "displayName",
                "mailNickname",
            ]
            .contains(&attribute.as_str())
            {
                out.push(format!(
                    "`owners.{attribute}`: it comes with the account, from the source of the \
                     employment that counts, and has no owner"
                ));
                continue;
            }
            let feed = feeds.iter().find(|feed| feed.name.as_str() == owner);
            let Some(feed) = feed else {
                continue;
            };
            match feed.mapping.writes_always(attribute) {
                Some(true) => {}
                Some(false) => out.push(format!(
                    "`owners.{attribute}`: the mapping of `{owner}` writes it on creation only; an \
                     owner keeps it in step"
                )),
                None => out.push(format!(
                    "`owners.{attribute}`: the mapping of `{owner}` does not write it; names are \
                     those of its `[[attribute]]` targets"
                )),
            }
        }
        let home = &feeds[0];
        let persons = feeds.iter().filter(|feed| feed.population).count();
        for (at, feed) in feeds.iter().enumerate() {
            let name = &feed.name;
            if !feed.population {
                for target in feed.mapping.own_targets() {
                    if self.owners.get(target).is_none_or(|it| it != name.as_str()) {
                        out.push(format!(
                            "source `{name}`: its mapping writes `{target}`, which it does not own; \
                             add `{target} = \"{name}\"` to `[owners]`, or take it out"
                        ));
                    }
                }
                continue;
            }
            if persons > 1 && feed.mapping.person_column().is_none() {
                out.push(format!(
                    "source `{name}`: its mapping needs `worker.person`: without it nobody can tell \
                     whether another source has the same person"
                ));
            }
            let owned = |target: &str| self.owners.contains_key(target);
            let differs = home.mapping.differs(&feed.mapping, owned);
            if at > 0 && !differs.is_empty() {
                out.push(format!(
                    "sources `{}` and `{name}`: one policy and one set of rules treats the workers of \
                     both, so both mappings write the same: {}. Add what is missing (a `constant = \
                     \"\"` with `clear_when_empty = true` where a source has no such value), or name \
                     its owner in `[owners]`",
                    home.name,
                    differs.join(", ")
                ));
            }
        }
        out
    }

    fn problems(&self) -> Vec<String> {
        let mut out = self.problems_of_sources();
        match (&self.evidence.key_file, &self.evidence.key_secret) {
            (Some(_), None) | (None, Some(_)) => {}
            (None, None) => out.push(
                "`evidence` needs `key_file` (a file beside this one) or `key_secret` (a secret at \
                 AWS)"
                    .to_owned(),
            ),
            (Some(_), Some(_)) => {
                out.push("`evidence` takes `key_file` or `key_secret`, not both".to_owned());
            }
        }
        if self.values.is_some()
            && [Some(&self.store), self.values.as_ref()]
                .into_iter()
                .flatten()
                .any(|place| matches!(place, Location::Folder(_)))
        {
            out.push(
                "`values` is for buckets: `store` and `values` must both be s3://bucket/prefix"
                    .to_owned(),
            );
        }
        if self.format_version != 1 {
            out.push(format!(
                "`format_version` is {}; this version of rollcall reads 1",
                self.format_version
            ));
        }
        let days = self.retention;
        let bucket = [Some(&self.store), self.values.as_ref()];
        let bucket = bucket
            .into_iter()
            .flatten()
            .any(|it| matches!(it, Location::Bucket { .. }));
        if bucket && (days.values_days.is_some() || days.report_days.is_some()) {
            out.push(
                "`retention.values_days` and `retention.report_days` are for folders: a bucket deletes values, \
                 reports and its inbox by lifecycle rules of its own (`ValuesDays`, `ReportDays` of the template)"
                    .to_owned(),
            );
        }
        if days.values() == 0 || days.reports() == 0 || self.stuck_minutes == 0 {
            out.push(
                "`retention.values_days`, `retention.report_days` and `stuck_minutes` are 1 or more"
                    .to_owned(),
            );
        }
        match &self.target {
            Target::Rehearsal(rehearsal) => {
                if !(0.0..=1.0).contains(&rehearsal.fault_share) {
                    out.push("`target.rehearsal.fault_share` must be from 0 to 1".to_owned());
                }
            }
            Target::Entra(entra) => {
                let credentials = [
                    entra.client_secret_env.is_some(),
                    entra.client_secret.is_some(),
                    entra.certificate_file.is_some(),
                    entra.certificate.is_some(),
                    entra.federation.is_some(),
                ];
                if credentials.iter().filter(|there| **there).count() != 1 {
                    out.push(
                        "`target.entra` needs one of `client_secret_env` (a variable), \
                         `client_secret` (a secret at AWS), `certificate_file`, `certificate` (a secret at \
                         AWS) and `federation`"
                            .to_owned(),
                    );
                }
                if !(entra.share > 0.0 && entra.share <= 1.0) {
                    out.push("`target.entra.share` must be above 0 and at most 1".to_owned());
                }
                if entra.login.is_some() != entra.graph.is_some() {
                    out.push(
                        "`target.entra` has one of `login` and `graph`: a token of one cloud is \
                         worth nothing in another; leave both out (`cloud` says which) or give both"
                            .to_owned(),
                    );
                }
                for (name, origin) in [("login", entra.login()), ("graph", entra.graph())] {
                    let loopback = ["http://127.0.0.1:", "http://localhost:", "http://[::1]:"];
                    if !origin.starts_with("https://")
                        && !loopback.iter().any(|l| origin.starts_with(l))
                    {
                        out.push(format!(
                            "`target.entra.{name}` must be an https origin (http only on this \
                             machine, for a rehearsal tenant)"
                        ));
                    }
                }
            }
        }
        out
    }
}

/// Whether a path lies in a folder, or is it; as they are written, links not followed.
///
/// # Errors
/// When nobody can tell where the process is.
fn inside(path: &Path, folder: &Path) -> std::io::Result<bool> {
    Ok(plain(path)?.starts_with(plain(folder)?))
}

/// From the root on, without the steps up.
fn plain(path: &Path) -> std::io::Result<PathBuf> {
    let mut out = PathBuf::new();
    for part in std::path::absolute(path)?.components() {
        match part {
            Component::CurDir => {}
            // Above the root there is nothing.
            Component::ParentDir => {
                if let Some(Component::Normal(_)) = out.components().next_back() {
                    out.pop();
                }
            }
            Component::Prefix(_) | Component::RootDir | Component::Normal(_) => out.push(part),
        }
    }
    Ok(out)
}

/// What a policy asks for and neither a target of today nor `[notify]` does.
fn not_done(policy: &Policy, notify: Option<&NotifySettings>) -> Vec<String> {
    let needs = policy.needs();
    let told = |op: Op| notify.is_some_and(|notify| notify.tells(op));
    let missing = |op: &&Op| {
        let does = crate::entra::does(**op);
        if op.speaks() { !told(**op) } else { !does }
    };
    let (tells, others): (Vec<Op>, Vec<Op>) =
        needs.iter().filter(missing).partition(|op| op.speaks());
    let names = |ops: &[Op]| {
        ops.iter()
            .map(|op| op.name())
            .collect::<Vec<_>>()
            .join(", ")
    };
    let mut out = Vec::new();
    if !others.is_empty() {
        out.push(format!(
            "it asks for {}, which the Entra connector of this version cannot do; leave out the \
             keys of `[joiner]`, `[leaver]`, `[mover]` or `[rescinded]` that say so (`rollcall \
             policy test` plays them all the same)",
            names(&others)
        ));
    }
    if !tells.is_empty() {
        out.push(format!(
            "it asks for {}, and nothing says how people are told: `[notify]` of the configuration \
             names where that goes and the file with the texts (`notify_manager_days`, `pass` and \
             `welcome` of `[joiner]`, `mail_alias` of `[mover]`, `devices` of `[leaver]` ask for it)",
            names(&tells)
        ));
    }
    out
}

/// What is wrong with the text of an evidence key; `file` is where it comes from.
pub(crate) fn key_problem(key: &str, target: &Target, file: &str) -> Option<String> {
    if key.trim().len() < 16 {
        return Some(format!(
            "{file}: an evidence key needs at least 16 characters; make one with \
             `head -c 32 /dev/urandom | base64`"
        ));
    }
    match target {
        Target::Entra(entra) if key == REHEARSAL_KEY && entra.graph().starts_with("https://") => {
            Some(format!(
                "{file}: this key is the public one of rehearsals; make your own with \
                 `head -c 32 /dev/urandom | base64`"
            ))
        }
        Target::Entra(_) | Target::Rehearsal(_) => None,
    }
}

fn read(path: &Path) -> Result<String, ConfigError> {
    std::fs::read_to_string(path)
        .map_err(|e| ConfigError::one(format!("{}: cannot be read: {e}", path.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"
format_version = 1
mapping = "mapping.toml"
policy = "policy.toml"
[evidence]
key_file = "evidence.key"
[source]
name = "hr"
coverage = "full"
[source.file]
[target.rehearsal]
verified_domains = ["woodgrove.example"]
"#;

    #[test]
    fn a_typo_is_shown_with_its_line_and_what_is_allowed() {
        let text = GOOD.replace("coverage = \"full\"", "coverage = \"ful\"");
        let error = toml::from_str::<Config>(&text).unwrap_err().to_string();
        assert!(
            error.contains("line 9") && error.contains("`full`"),
            "{error}"
        );
        let text = GOOD.replace("verified_domains", "domains");
        let error = toml::from_str::<Config>(&text).unwrap_err().to_string();
        assert!(
            error.contains("line 12") && error.contains("verified_domains"),
            "{error}"
        );
    }

    #[test]
    fn absence_means_nothing_unless_somebody_says_so() {
        let config: Config = toml::from_str(&GOOD.replace("coverage = \"full\"\n", "")).unwrap();
        assert_eq!(config.source.0[0].coverage, None);
    }

    #[test]
    fn a_real_tenant_is_not_protected_by_the_public_key() {
        let entra = r#"
[target.entra]
tenant_id = "t"
client_id = "c"
client_secret_env = "S"
share = 1.5
graph = "http://graph.example"
"#;
        let text = format!("{}{entra}", GOOD.split("[target.").next().unwrap());
        let config: Config = toml::from_str(&text).unwrap();
        let problems = config.problems();
        assert_eq!(problems.len(), 3, "share, half a cloud, http: {problems:?}");
        let cloud = text.replace("graph = \"http://graph.example\"", "cloud = \"us-gov-l5\"");
        let config: Config = toml::from_str(&cloud).unwrap();
        assert_eq!(config.problems().len(), 1, "{:?}", config.problems());
        let Target::Entra(entra) = &config.target else {
            panic!("{:?}", config.target);
        };
        let hosts = (entra.login(), entra.graph());
        let dod = (
            "https://login.microsoftonline.us",
            "https://dod-graph.microsoft.us",
        );
        assert_eq!(hosts, dod);
        let wrong = cloud.replace("us-gov-l5", "usgov");
        let error = toml::from_str::<Config>(&wrong).unwrap_err().to_string();
        assert!(
            error.contains("us-gov-l4") && error.contains("china"),
            "{error}"
        );
        assert!(key_problem(REHEARSAL_KEY, &config.target, "k").is_some());
        assert!(key_problem("0123456789abcdef0123", &config.target, "k").is_none());
        assert!(key_problem("short", &config.target, "k").is_some());
    }

    #[test]
    fn a_deployment_says_where_things_lie() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rollcall.toml");
        let key = "[evidence]\nkey_file = \"evidence.key\"\n";
        let named = GOOD.replace(
            "mapping = \"mapping.toml\"",
            "mapping = \"mapping.toml\"\ndeployment = \"deployment.toml\"",
        );
        std::fs::write(&path, named.replace(key, "")).unwrap();
        let deployment = folder.path().join("deployment.toml");
        std::fs::write(
            &deployment,
            "format_version = 1\nstore = \"s3://evidence\"\nvalues = \"s3://values\"\n[queue]\n\
             urgent = \"u\"\nbulk = \"b\"\n[evidence]\nkey_secret = \"arn\"\n",
        )
        .unwrap();
        let error = Settings::read(&path).unwrap_err();
        assert_eq!(error.problems.len(), 2, "only the two files: {error}");
        let mut config: Config = toml::from_str(&named.replace(key, "")).unwrap();
        config.deployed(&deployment).unwrap();
        assert_eq!(config.problems(), Vec::<String>::new());
        assert_eq!(config.evidence.key_secret.as_deref(), Some("arn"));
        assert!(config.values.is_some() && config.queue.is_some());
        // Said twice: which one counts?
        std::fs::write(&path, named).unwrap();
        let error = Settings::read(&path).unwrap_err().to_string();
        assert!(error.contains("take them out"), "{error}");
    }

    /// Where a path lies, however it is written.
    #[test]
    fn what_lies_in_the_store_is_seen() {
        let here = std::env::current_dir().unwrap();
        let there = |path: &str| here.join(path).display().to_string();
        for (path, folder, is_inside) in [
            ("hr/store/handed", "hr/store", true),
            ("hr/store", "hr/store", true),
            ("hr/handed", "hr/store", false),
            ("hr/../hr/store/handed", "hr/store", true),
            ("hr/store/../handed", "hr/store", false),
            // Nothing in common by their first letters alone.
            ("hr/stored", "hr/store", false),
            // One from the root, one from here.
            (&there("hr/store/handed"), "hr/store", true),
            ("hr/store/handed", &there("hr/store"), true),
            (&there("hr/handed"), "hr/store", false),
            // Up and down again.
            ("../../a/handed", "a", false),
            ("../../a/handed", "../../a", true),
            ("../a/handed", "../../a", false),
            ("/../../a/handed", "/a", true),
        ] {
            let found = inside(Path::new(path), Path::new(folder)).unwrap();
            assert_eq!(found, is_inside, "{path} in {folder}");
        }
    }

    #[test]
    fn missing_files_are_all_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rollcall.toml");
        std::fs::write(&path, GOOD).unwrap();
        let error = Settings::read(&path).unwrap_err();
        assert_eq!(error.problems.len(), 3, "{error}");
    }
}
