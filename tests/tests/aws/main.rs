//! Store and queue on Amazon's services, against a stand-in on this machine (moto).
//!
//! The stand-in forgets a deduplication id once its message is gone, takes receipts that ran out and
//! has a clock that nobody can move: those parts of the queue's contract are shown on the embedded
//! queue only.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a failed unwrap is a failed test, and a runner talks"
)]

mod cli;
mod end_to_end;
mod functions;
mod gate;
mod schedules;
mod stand_in;

use std::fmt::Write as _;
use std::process::ExitCode;

use futures::future::BoxFuture;
use libtest_mimic::{Arguments, Failed, Trial};
use rollcall_pipeline::aws::{Aws, Urls};
use rollcall_tests::{queue_contract, store_contract};

const BUCKET: &str = "rollcall-test";

fn main() -> ExitCode {
    if std::env::var_os(cli::AS_CLI).is_some() {
        return rollcall::main(std::env::args_os());
    }
    let arguments = Arguments::from_args();
    if std::env::var_os(stand_in::PORT).is_none() && !arguments.list {
        return stand_in::beside(arguments.filter.is_some() || !arguments.skip.is_empty());
    }
    let trials = vec![
        trial("aws::the_bucket_store", || Box::pin(bucket_store())),
        trial("aws::the_queues", || Box::pin(queues())),
        trial("aws::a_file_becomes_accounts", || {
            Box::pin(end_to_end::a_file_becomes_accounts())
        }),
        trial("aws::old_state_goes", || {
            Box::pin(end_to_end::old_state_goes())
        }),
        trial("aws::newer_data_releases_and_approvals", || {
            Box::pin(end_to_end::newer_data_releases_and_approvals())
        }),
        trial("aws::a_dismissal_and_a_halt", || {
            Box::pin(end_to_end::a_dismissal_and_a_halt())
        }),
        trial("aws::garbage_in_a_batch", || {
            Box::pin(end_to_end::garbage_in_a_batch())
        }),
        trial("aws::a_kept_client_secret", || {
            Box::pin(end_to_end::a_kept_client_secret())
        }),
        trial("aws::even_schedules_end_in_the_same_tenant", || {
            Box::pin(schedules::any_schedule_ends_in_the_same_tenant(0))
        }),
        trial("aws::odd_schedules_end_in_the_same_tenant", || {
            Box::pin(schedules::any_schedule_ends_in_the_same_tenant(1))
        }),
        trial("aws::a_key_of_kms_signs_the_log", || {
            Box::pin(a_key_of_kms_signs())
        }),
        Trial::test("aws::the_same_run_on_a_bucket", || {
            same_run();
            Ok(())
        }),
    ];
    let whole = arguments.filter.is_none();
    let conclusion = libtest_mimic::run(&arguments, trials);
    if whole && !arguments.list && !conclusion.has_failed() {
        // Over everything that was done by all of them.
        end_to_end::nothing_wider();
        eprintln!("no permission of the template is wider than what its function does");
    }
    conclusion.exit_code()
}

fn trial(name: &str, test: fn() -> BoxFuture<'static, ()>) -> Trial {
    Trial::test(name, move || {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()?;
        runtime.block_on(test());
        Ok::<(), Failed>(())
    })
}

async fn bucket_store() {
    stand_in::make_bucket(BUCKET);
    let aws = Aws::load().await;
    for prefix in ["", "some/prefix"] {
        store_contract::check(&aws.store(BUCKET, prefix).unwrap()).await;
    }
}

async fn queues() {
    let urls = Urls {
        urgent: stand_in::lane("contract", "urgent"),
        bulk: stand_in::lane("contract", "bulk"),
    };
    let queue = Aws::load().await.queues(urls);
    queue_contract::check_without_time(&queue).await;
}

/// What is closed is signed by a key that never leaves KMS, and checked with its public half, also without
/// the configuration.
async fn a_key_of_kms_signs() {
    let bucket = format!("{BUCKET}-signed");
    stand_in::make_bucket(&bucket);
    let arn = stand_in::make_signing_key("ECC_NIST_P256");
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("rc").display().to_string();
    cli::init(&dir);
    let config = format!("{dir}/rollcall.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    let key = text.lines().find(|it| it.starts_with("key_file")).unwrap();
    let signed = format!("{key}\nsign = {{ kms = \"{arn}\" }}");
    let place = format!("s3://{bucket}/hr");
    let text = text.replace(key, &signed);
    let text = text.replace("store = \".\"", &format!("store = \"{place}\""));
    std::fs::write(&config, text).unwrap();
    stand_in::put(&format!("/{bucket}/hr/inbox/workers.csv"), &roster("Sales"));
    let now = "2026-03-14T02:00:00Z";
    cli::rollcall(&["run", "-c", &config, "--now", now], 0);
    let public = format!("{dir}/signer.der");
    let der = Aws::load().await.public_key(&arn).await.unwrap();
    std::fs::write(&public, der).unwrap();
    for by in [vec!["-c", &config, "--now", now], vec![&place]] {
        let args = [
            &["verify", "--json", "--public-key", &public],
            by.as_slice(),
        ]
        .concat();
        let said: serde_json::Value = serde_json::from_str(cli::rollcall(&args, 0).trim()).unwrap();
        let signatures = &said["signatures"];
        assert_eq!(signatures["checked"], 1, "{said}");
        assert_eq!(
            signatures["to"], said["entries"],
            "the head is signed: {said}"
        );
    }
    // Another key of the same kind has signed nothing.
    let other = stand_in::make_signing_key("ECC_NIST_P256");
    let der = Aws::load().await.public_key(&other).await.unwrap();
    std::fs::write(&public, der).unwrap();
    cli::rollcall(&["verify", &place, "--public-key", &public], 1);
}

/// The command line on a folder and on a bucket: the same plan, and evidence that verifies.
fn same_run() {
    stand_in::make_bucket(&format!("{BUCKET}-run"));
    let mut plans = Vec::new();
    for place in [None, Some(format!("s3://{BUCKET}-run/hr"))] {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("rc").display().to_string();
        cli::init(&dir);
        let config = format!("{dir}/rollcall.toml");
        if let Some(place) = &place {
            let text = std::fs::read_to_string(&config).unwrap();
            let text = text.replace("store = \".\"", &format!("store = \"{place}\""));
            std::fs::write(&config, text).unwrap();
        }
        let mut nights = Vec::new();
        for (now, moved) in [
            ("2026-03-14T02:00:00Z", "Sales"),
            ("2026-03-15T02:00:00Z", "Moved"),
        ] {
            let name = format!("workers-{}.csv", &now[..10]);
            let text = roster(moved);
            if place.is_some() {
                stand_in::put(&format!("/{BUCKET}-run/hr/inbox/{name}"), &text);
            } else {
                std::fs::write(format!("{dir}/inbox/{name}"), &text).unwrap();
            }
            let out = cli::rollcall(&["run", "-c", &config, "--now", now, "--json"], 0);
            let report: serde_json::Value = serde_json::from_str(out.trim()).unwrap();
            assert_eq!(report["outcomes"]["failed"], 0);
            nights.push(report["actions_sha256"].clone());
        }
        let now = "2026-03-15T03:00:00Z";
        cli::rollcall(&["verify", "-c", &config, "--now", now], 0);
        let again = cli::rollcall(&["run", "-c", &config, "--now", now, "--json"], 0);
        assert_eq!(again, "", "the inbox is empty");
        plans.push(nights);
    }
    assert_eq!(plans[0], plans[1]);
}

fn roster(department: &str) -> String {
    people(101..=120, department, &[])
}

/// Workers of these keys, all under the first; some have left.
fn people(keys: std::ops::RangeInclusive<u32>, department: &str, left: &[u32]) -> String {
    let boss = *keys.start();
    let mut out = String::from(
        "WorkerID,WorkerStatus,WorkerType,UserID,FirstName,LastName,FullName,GenderPronoun,\
         ManagerID,HireDate,OnLeave,Department,Division,CostCenter,Company,Location,JobTitle,\
         StreetAddress,City,CountryCode,OfficePhone,Custom01,Custom02,ZipCode\n",
    );
    for key in keys {
        let status = if left.contains(&key) {
            "Inactive"
        } else {
            "Active"
        };
        writeln!(
            out,
            "{key},{status},Employee,EMP{key},Ana,Ruiz{key},Ana Ruiz{key},,{boss},2015-01-10,False,\
             {department},Media,CC1,Woodgrove,Europe,Clerk,1 High St,Berlin,DE,030-{key},,,10115"
        )
        .unwrap();
    }
    out
}
