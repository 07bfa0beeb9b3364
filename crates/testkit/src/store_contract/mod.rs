//! What every implementation of [`valetkey_domain::Store`] must do, as tests. A backend runs them all by naming a
//! factory of empty stores once:
//!
//! ```ignore
//! valetkey_testkit::store_contract_tests!(empty_store);
//! ```
//!
//! The factory is an `async fn() -> (Arc<dyn Store>, impl Sized)`; the second value is kept until the test is over. A
//! backend whose empty stores are costly names the random operations itself, with a factory that empties one store.

#![expect(clippy::missing_panics_doc, reason = "every function here is a test: a panic is its way to fail")]
#![expect(clippy::unwrap_used, reason = "every function here is a test")]

mod accounts;
mod answers;
mod audit;
mod background;
mod branding;
mod bulk;
mod commits;
mod differential;
mod everything;
mod fixture;
mod history;
mod keys_and_clients;
mod lists;
mod model;
mod pages;
mod refreshes;
mod sealed;
mod users;
mod webhooks;

pub use accounts::*;
pub use answers::*;
pub use audit::*;
pub use background::*;
pub use branding::*;
pub use bulk::*;
pub use commits::*;
pub use differential::random_operations_agree_in_both_stores;
pub use everything::everything;
pub use fixture::{Fixture, TestEntropy};
pub use history::*;
pub use keys_and_clients::*;
pub use lists::*;
pub use model::random_operations_agree_with_the_model;
pub use pages::*;
pub use refreshes::*;
pub use sealed::*;
pub use users::*;
pub use webhooks::*;

/// Makes one test of every part of the contract.
#[macro_export]
macro_rules! store_contract_tests {
    ($factory:path) => {
        $crate::store_contract_tests!($factory, without random operations);

        #[test]
        fn random_operations_agree_with_the_model() {
            $crate::store_contract::random_operations_agree_with_the_model(|| $factory());
        }
    };
    ($factory:path, without random operations) => {
        $crate::store_contract_tests! {
            @each $factory:
            environments_inserted_again_stay_as_they_are,
            connections_written_read_back_whole,
            connections_stale_or_doubled_are_conflicts,
            connections_with_accounts_are_not_deleted,
            connections_filtered_by_connector_and_name,
            accounts_written_read_back_whole,
            accounts_stale_or_doubled_are_conflicts,
            accounts_of_one_identifier_are_told_apart_by_name,
            accounts_touched_keep_their_version,
            accounts_scheduled_or_degraded_keep_their_version,
            accounts_due_are_taken_once,
            accounts_deleted_take_secrets_along_and_leave_their_history,
            accounts_filtered_by_every_field,
            records_of_another_environment_are_not_listed,
            records_named_by_id_are_of_their_environment_only,
            credentials_go_up_in_generation_only,
            auth_requests_move_on_once,
            refreshes_written_read_back_whole,
            refreshes_begun_have_a_lease_of_the_asked_length,
            refreshes_out_of_turn_are_conflicts,
            refreshes_begun_at_the_same_time_are_one,
            refreshes_begun_while_a_credential_is_stored_are_of_the_newest,
            refreshes_end_once,
            refreshes_taken_over_when_their_lease_is_over,
            refreshes_taken_over_at_the_same_time_go_to_one,
            refreshes_stale_listed_oldest_first,
            refreshes_ended_wake_who_waits,
            refreshes_of_a_deleted_account_are_gone,
            refreshes_pruned_leave_the_last_one,
            instances_join_once,
            frozen_store_stays_marked_until_it_is_thawed,
            due_taken_at_the_same_time_goes_to_one,
            revocations_written_read_back_whole,
            revocations_due_are_taken_once,
            records_pruned_by_age_are_gone,
            sealed_records_walked_in_order_show_every_secret_once,
            secrets_resealed_in_place_of_what_was_read,
            events_filtered_by_account_and_connection,
            events_filtered_by_kind_code_and_time,
            executions_end_once,
            executions_abandoned_are_of_unknown_outcome,
            executions_filtered_by_every_field,
            tools_used_counted_by_name,
            answers_written_read_back_whole,
            answers_of_one_key_are_one,
            answers_finished_keep_or_free_their_key,
            answers_of_a_deleted_account_are_gone,
            answers_pruned_by_age_are_gone,
            executions_abandoned_before_they_left_are_interrupted,
            api_clients_and_tokens_read_back_whole,
            key_terms_reserved_once,
            key_terms_rewrapped_and_deleted_once,
            signing_keys_listed_oldest_first,
            users_written_read_back_whole,
            users_stale_or_doubled_are_conflicts,
            invitations_are_used_once,
            sessions_end_one_by_one_or_all_but_one,
            sessions_and_invitations_pruned_by_expiry,
            audit_entries_are_linked_in_order,
            audit_entries_at_the_same_time_are_one_chain,
            audit_entries_filtered_by_every_field,
            audit_entry_of_a_refused_commit_leaves_no_gap,
            audit_seals_of_one_window_are_one,
            executions_walked_by_id_across_environments,
            bulk_work_written_reads_back_whole,
            bulk_work_left_is_taken_by_one,
            webhooks_written_read_back_whole,
            webhooks_noted_keep_their_version,
            webhook_secrets_go_up_in_generation_only,
            events_appended_are_addressed_to_webhooks,
            executions_announced_are_addressed_once,
            deliveries_due_are_taken_once,
            delivery_bodies_are_written_once,
            branding_written_reads_back_whole,
            branding_stale_is_a_conflict,
            logos_kept_until_they_are_dropped,
            overview_counts_what_is_there,
            statuses_counted_by_day,
            pages_counted_no_further_than_asked,
            events_counted_no_further_than_asked,
            accounts_counted_with_every_change,
            accounts_searched_by_any_part_of_their_text,
            commit_with_a_conflict_leaves_nothing,
            commit_of_nothing_succeeds,
            commits_at_the_same_time_count_every_version_once,
            commits_in_parallel_are_all_kept,
            store_checked_accepts_writes,
            pages_walked_forward_and_back_show_every_row_once,
            pages_walked_under_inserts_repeat_and_skip_nothing,
            pages_of_several_connections_are_merged_in_order,
            pages_asked_out_of_range_are_bounded,
        }
    };
    (@each $factory:path: $($name:ident,)*) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() {
            let (store, _kept) = $factory().await;
            $crate::store_contract::$name(store).await;
        }
    )*};
}
