//! What calls brought is kept under the key of its caller, once, and goes by age and with the account.

use std::sync::Arc;

use time::Duration;
use valetkey_domain::{
    Change, Changes, ErrorCode, Execution, InstanceId, KeptAnswer, SealedBlob, Store,
    execution::ExecutionStatus, store::Prunable,
};

use super::fixture::{Fixture, assert_conflict};

async fn stored(f: &Fixture) -> (Execution, KeptAnswer) {
    let connection = f.stored_connection("gmail").await;
    let account = f.stored_account(&connection, "user_1").await;
    let execution = f.execution(&account);
    let answer = f.answer(&execution);
    let both =
        Changes::from(Change::InsertExecution(execution.clone())).and(Change::InsertAnswer(answer.clone()));
    f.commit(both).await.unwrap();
    (execution, answer)
}

async fn by_key(f: &Fixture, of: &KeptAnswer) -> Option<KeptAnswer> {
    f.store.answer_by_key(&of.environment, &of.client, &of.key_hash.unwrap()).await.unwrap()
}

/// Every field survives, and an answer is found by its execution and by its key.
pub async fn answers_written_read_back_whole(store: Arc<dyn Store>) {
    let f = Fixture::new(store).await;
    let (execution, answer) = stored(&f).await;
    assert_eq!(f.store.answer(&execution.id).await.unwrap().as_ref(), Some(&answer));
    assert_eq!(by_key(&f, &answer).await.as_ref(), Some(&answer));
    let full = KeptAnswer {
        execution: f.execution(&f.account(&f.connection("other"), "user_1")).id,
        key_hash: None,
        detached: true,
        left: true,
        sealed: Some(SealedBlob(vec![0, 255, 1])),
        ..answer.clone()
    };
    f.commit(Change::InsertAnswer(full.clone())).await.unwrap();
    assert_eq!(f.store.answer(&full.execution).await.unwrap(), Some(full));
    f.commit(Change::AnswerLeaves(execution.id.clone())).await.unwrap();
    let left = KeptAnswer { left: true, ..answer };
    assert_eq!(f.store.answer(&execution.id).await.unwrap(), Some(left));
    for _ in 0..2 {
        f.commit(Change::DeleteAnswer(execution.id.clone())).await.unwrap();
        assert_eq!(f.store.answer(&execution.id).await.unwrap(), None);
    }
    assert_conflict(f.commit(Change::AnswerLeaves(execution.id)).await, "answer");
}

/// A key stands for one call of a client in an environment; the second one leaves nothing behind.
pub async fn answers_of_one_key_are_one(store: Arc<dyn Store>) {
    let f = Fixture::new(store).await;
    let (execution, answer) = stored(&f).await;
    let other =
        Execution { id: f.execution(&f.account(&f.connection("other"), "user_1")).id, ..execution.clone() };
    let again = KeptAnswer { execution: other.id.clone(), ..answer.clone() };
    let both = Changes::from(Change::InsertExecution(other.clone())).and(Change::InsertAnswer(again.clone()));
    assert_conflict(f.commit(both).await, "answer.key");
    assert_eq!(f.store.execution(&other.id).await.unwrap(), None);
    assert_conflict(
        f.commit(Change::InsertAnswer(KeptAnswer { key_hash: None, ..answer.clone() })).await,
        "answer",
    );
    let elsewhere = KeptAnswer { client: "another".parse().unwrap(), ..again.clone() };
    f.commit(Change::InsertAnswer(elsewhere.clone())).await.unwrap();
    assert_eq!(by_key(&f, &elsewhere).await, Some(elsewhere));
    let nobody = f.account(&f.connection("other"), "user_9");
    let astray =
        KeptAnswer { account: nobody.id, ..f.answer(&f.execution(&f.account(&f.connection("x"), "u"))) };
    assert_conflict(f.commit(Change::InsertAnswer(astray)).await, "answer.account");
    // Without a key any number of them may be there.
    for _ in 0..2 {
        let id = f.execution(&f.account(&f.connection("other"), "user_1")).id;
        f.commit(Change::InsertAnswer(KeptAnswer { execution: id, key_hash: None, ..answer.clone() }))
            .await
            .unwrap();
    }
}

/// What a call brought is kept with the key or without it, and nothing is made of what is gone.
pub async fn answers_finished_keep_or_free_their_key(store: Arc<dyn Store>) {
    let f = Fixture::new(store).await;
    let (execution, answer) = stored(&f).await;
    let until = f.now() + Duration::hours(3);
    let finish = |sealed: Option<SealedBlob>, keep_key| Change::FinishAnswer {
        execution: execution.id.clone(),
        sealed,
        keep_key,
        keep_until: until,
    };
    let sealed = Some(SealedBlob(vec![1, 2, 3]));
    f.commit(finish(sealed.clone(), true)).await.unwrap();
    let kept = KeptAnswer { sealed, keep_until: until, ..answer.clone() };
    assert_eq!(by_key(&f, &answer).await.as_ref(), Some(&kept));
    f.commit(finish(None, false)).await.unwrap();
    assert_eq!(by_key(&f, &answer).await, None);
    let freed = KeptAnswer { sealed: None, key_hash: None, ..kept };
    assert_eq!(f.store.answer(&execution.id).await.unwrap(), Some(freed));
    f.commit(Change::DeleteAnswer(execution.id.clone())).await.unwrap();
    f.commit(finish(None, true)).await.unwrap();
    assert_eq!(f.store.answer(&execution.id).await.unwrap(), None);
}

/// S13: what calls brought goes with the account that it is about; the records of the calls stay.
pub async fn answers_of_a_deleted_account_are_gone(store: Arc<dyn Store>) {
    let f = Fixture::new(store).await;
    let (execution, answer) = stored(&f).await;
    f.commit(Change::DeleteAccount(answer.account.clone())).await.unwrap();
    assert_eq!(f.store.answer(&execution.id).await.unwrap(), None);
    assert!(f.store.execution(&execution.id).await.unwrap().is_some());
}

/// Answers go when their time is over, a few at a time.
pub async fn answers_pruned_by_age_are_gone(store: Arc<dyn Store>) {
    let f = Fixture::new(store).await;
    let connection = f.stored_connection("gmail").await;
    let account = f.stored_account(&connection, "user_1").await;
    let begun = f.now();
    let mut ids = Vec::new();
    for n in 0..5 {
        let answer =
            KeptAnswer { keep_until: begun + Duration::hours(n), ..f.answer(&f.execution(&account)) };
        ids.push(answer.execution.clone());
        f.commit(Change::InsertAnswer(answer)).await.unwrap();
    }
    let before = begun + Duration::hours(3);
    for removed in [2, 1, 0] {
        assert_eq!(f.store.prune(Prunable::Answers, before, 2).await.unwrap(), removed);
    }
    for (n, id) in ids.iter().enumerate() {
        assert_eq!(f.store.answer(id).await.unwrap().is_some(), n > 2, "{n}");
    }
}

/// A call that never left when its process ended is not in doubt: it failed. One that left is.
pub async fn executions_abandoned_before_they_left_are_interrupted(store: Arc<dyn Store>) {
    let f = Fixture::new(store).await;
    let connection = f.stored_connection("gmail").await;
    let account = f.stored_account(&connection, "user_1").await;
    let instance = Some(InstanceId(7));
    let mut ids = Vec::new();
    for left in [false, true] {
        let execution = Execution { instance, ..f.execution(&account) };
        let answer = KeptAnswer { left, ..f.answer(&execution) };
        ids.push(execution.id.clone());
        let both = Changes::from(Change::InsertExecution(execution)).and(Change::InsertAnswer(answer));
        f.commit(both).await.unwrap();
    }
    f.commit(Change::AbandonExecutions { instance, at: f.now() }).await.unwrap();
    let never = f.store.execution(&ids[0]).await.unwrap().unwrap();
    assert_eq!(
        (never.status, never.error_code),
        (ExecutionStatus::Failed, Some(ErrorCode::ExecutionInterrupted))
    );
    assert_eq!(never.error_message.as_deref(), Some(ErrorCode::ExecutionInterrupted.entry().meaning));
    let lost = f.store.execution(&ids[1]).await.unwrap().unwrap();
    assert_eq!((lost.status, lost.error_code), (ExecutionStatus::Unknown, None));
}
