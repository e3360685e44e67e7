//! Answers that are kept by two instances and their Redis.

use crate::fixture::{Instance, caller, folder};
use cache::answers::{Made, Question, Source};
use cache::{Answers, Popular};
use futures::future::join_all;
use stack::Redis;
use std::convert::Infallible;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

const MAX_BYTES: u64 = 1_000_000;

fn answers(instance: &Instance) -> Answers {
    Answers::new(Some(instance.redis.clone()), MAX_BYTES)
}

fn question(topic: &str) -> Question {
    Question { key: format!("about {topic}"), topics: vec![topic.to_owned()] }
}

fn made(text: &'static str) -> Made {
    Made { bytes: text.into(), age: Duration::from_secs(60) }
}

/// Asks; what is made says `text`.
async fn ask(answers: &Answers, topic: &str, text: &'static str) -> (String, Source) {
    let make = async { Ok::<_, Infallible>(made(text)) };
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
        Ok::<_, Infallible>(made("old"))
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
    let (answers, count) = (answers(&instance), AtomicU32::new(0));
    let question = question(&caller());
    let asked = (0..200).map(|_| {
        answers.get(&question, async {
            count.fetch_add(1, Ordering::Relaxed);
            tokio::task::yield_now().await;
            Ok::<_, Infallible>(made("it"))
        })
    });
    assert!(join_all(asked).await.into_iter().all(|answer| answer.is_ok()));
    assert_eq!(count.load(Ordering::Relaxed), 1);
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

#[tokio::test(flavor = "multi_thread")]
async fn what_was_kept_before_redis_was_flushed_is_not_found_after_it() {
    let redis = Redis::spawn_private(folder("flushed")).await.unwrap();
    let instance = Instance::patient(&redis.url()).await;
    let (one, two) = (answers(&instance), answers(&instance).in_process_for(Duration::ZERO));
    let topic = caller();
    one.ended([topic.clone()]).await;
    // While it is made Redis loses what it knew, and the topic changes as often as before.
    let slow = async {
        let mut connection = redis::Client::open(redis.url()).unwrap();
        redis::cmd("FLUSHALL").exec(&mut connection).unwrap();
        two.ended([topic.clone()]).await;
        Ok::<_, Infallible>(made("old"))
    };
    assert!(one.get(&question(&topic), slow).await.is_ok());
    assert_eq!(ask(&two, &topic, "new").await, ("new".to_owned(), Source::Made));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_ends_when_it_was_to_end_wherever_it_is_kept() {
    let redis = Redis::spawn_private(folder("age")).await.unwrap();
    let instance = Instance::patient(&redis.url()).await;
    let (one, two) = (answers(&instance), answers(&instance));
    let topic = caller();
    let short = async {
        Ok::<_, Infallible>(Made { bytes: "old".into(), age: Duration::from_millis(300) })
    };
    let begun = Instant::now();
    assert!(one.get(&question(&topic), short).await.is_ok());
    // The second instance finds it in Redis and has it no longer than the first.
    while ask(&two, &topic, "new").await.0 == "old" {
        assert!(begun.elapsed() < Duration::from_secs(20));
        tokio::task::yield_now().await;
    }
    assert!(begun.elapsed() >= Duration::from_millis(250), "{:?}", begun.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_asked_most_all_instances_know() {
    let redis = Redis::spawn_private(folder("popular")).await.unwrap();
    let instance = Instance::patient(&redis.url()).await;
    let popular = || Popular::new(Some(instance.redis.clone()), "shop");
    let (one, two) = (popular(), popular());
    for (question, times) in [("rare", 1), ("often", 3), ("more", 2)] {
        for _ in 0..times {
            one.asked(question.as_bytes());
        }
    }
    assert_eq!(two.asked(b"more"), 1);
    assert_eq!(two.asked(b"more"), 2);
    one.report().await;
    two.report().await;
    assert_eq!(two.asked(b"more"), 1, "counted anew after a report");
    assert_eq!(popular().most(2).await, [b"more".to_vec(), b"often".to_vec()]);
}
