//! Answers that are kept by two instances and their Redis.

use crate::fixture::{Instance, caller, folder};
use cache::Answers;
use cache::answers::{Question, Source};
use futures::future::join_all;
use stack::Redis;
use std::convert::Infallible;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

const MAX_BYTES: u64 = 1_000_000;

fn answers(instance: &Instance) -> Answers {
    Answers::new(Some(instance.redis.clone()), MAX_BYTES)
}

fn question(topic: &str) -> Question {
    let age = Duration::from_secs(60);
    Question { key: format!("about {topic}"), topics: vec![topic.to_owned()], age }
}

/// Asks; what is made says `text`.
async fn ask(answers: &Answers, topic: &str, text: &'static str) -> (String, Source) {
    let make = async { Ok::<_, Infallible>(text.into()) };
    let Ok((bytes, source)) = answers.get(&question(topic), make).await;
    (String::from_utf8(bytes.to_vec()).unwrap(), source)
}

fn old(source: Source) -> (String, Source) {
    ("old".to_owned(), source)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_instance_made_all_find_until_its_topic_ends() {
    let redis = Redis::spawn_private(folder("kept")).await.unwrap();
    let (one, two) = (Instance::patient(&redis.url()).await, Instance::patient(&redis.url()).await);
    let (one, two) = (answers(&one), answers(&two));
    let topic = caller();
    assert_eq!(ask(&one, &topic, "old").await, old(Source::Made));
    assert_eq!(ask(&two, &topic, "new").await, old(Source::Shared));
    for answers in [&one, &two] {
        assert_eq!(ask(answers, &topic, "new").await, old(Source::Process));
    }
    one.ended([topic.clone()]).await;
    assert_eq!(ask(&one, &topic, "new").await, ("new".to_owned(), Source::Made));
    // Each instance hears of the change by itself.
    assert_eq!(ask(&two, &topic, "newer").await, old(Source::Process));
    two.ended([topic.clone()]).await;
    assert_ne!(ask(&two, &topic, "newer").await.0, "old");
    assert_eq!(ask(&one, "another", "old").await, old(Source::Made));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_made_before_a_change_is_not_found_after_it() {
    let redis = Redis::spawn_private(folder("before")).await.unwrap();
    let instance = Instance::patient(&redis.url()).await;
    let (one, two) = (answers(&instance), answers(&instance));
    let topic = caller();
    // The change comes while the answer is made from what was before it.
    let slow = async {
        one.ended([topic.clone()]).await;
        two.ended([topic.clone()]).await;
        Ok::<_, Infallible>("old".into())
    };
    let Ok((bytes, _)) = one.get(&question(&topic), slow).await;
    assert_eq!(bytes, "old", "who asked before the change may see it");
    assert_eq!(ask(&one, &topic, "new").await, ("new".to_owned(), Source::Made));
    assert_eq!(ask(&two, &topic, "newer").await, ("new".to_owned(), Source::Shared));
}

#[tokio::test(flavor = "multi_thread")]
async fn many_who_ask_at_once_have_it_made_once() {
    let redis = Redis::spawn_private(folder("once")).await.unwrap();
    let instance = Instance::patient(&redis.url()).await;
    let (answers, made) = (answers(&instance), AtomicU32::new(0));
    let question = question(&caller());
    let asked = (0..200).map(|_| {
        answers.get(&question, async {
            made.fetch_add(1, Ordering::Relaxed);
            tokio::task::yield_now().await;
            Ok::<_, Infallible>("it".into())
        })
    });
    assert!(join_all(asked).await.into_iter().all(|answer| answer.is_ok()));
    assert_eq!(made.load(Ordering::Relaxed), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_redis_did_not_hear_of_is_told_before_it_is_asked_again() {
    let redis = Redis::spawn_private(folder("owed")).await.unwrap();
    let instance = Instance::usual(&redis.url()).await;
    let (one, two) = (answers(&instance), answers(&instance));
    let topic = caller();
    ask(&one, &topic, "old").await;
    redis.freeze().unwrap();
    instance.until(false).await;
    one.ended([topic.clone()]).await;
    assert_eq!(ask(&one, &topic, "new").await, ("new".to_owned(), Source::Made));
    redis.thaw().unwrap();
    instance.until(true).await;
    // Whoever asks first tells it; the old answer is still in there.
    one.ended([]).await;
    assert_eq!(ask(&two, &topic, "newer").await, ("newer".to_owned(), Source::Made));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_redis_each_instance_keeps_its_own() {
    let answers = Answers::new(None, MAX_BYTES);
    assert_eq!(ask(&answers, "topic", "old").await, old(Source::Made));
    assert_eq!(ask(&answers, "topic", "new").await, old(Source::Process));
    answers.ended(["topic".to_owned()]).await;
    assert_eq!(ask(&answers, "topic", "new").await, ("new".to_owned(), Source::Made));
}
