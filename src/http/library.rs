//! What the lists of pages need of all posts, kept until a post changes: lists
//! are asked for often, and posts are large.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::context::Context;
use crate::domain::{Post, Timestamp};
use crate::store::StoreError;
use crate::views::pages::posts::PostLine;

/// A topic and the date of its newest post.
#[derive(Clone, Debug, PartialEq)]
pub struct Topic {
    /// Part of addresses.
    pub slug: String,
    /// As the newest post with it writes it.
    pub name: String,
    /// Date of its newest post.
    pub latest: Timestamp,
}

/// Every public post that has a page, as one line, newest first, and their topics by name.
#[derive(Debug, Default)]
pub struct Shelves {
    /// All public posts.
    pub posts: Vec<PostLine>,
    /// All their topics.
    pub topics: Vec<Topic>,
}

/// The last shelves and the fingerprint of the posts they were made from.
#[derive(Debug, Default)]
pub struct Library(Mutex<(String, Arc<Shelves>)>);

impl Library {
    /// The shelves as of now.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn shelves(&self, ctx: &Context, now: Timestamp) -> Result<Arc<Shelves>, StoreError> {
        let fingerprint = ctx.store.public_fingerprint(now).await?;
        {
            let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if kept.0 == fingerprint {
                return Ok(Arc::clone(&kept.1));
            }
        }
        let mut posts = ctx.store.public_posts(now).await?;
        posts.retain(|post| post.entry.send.reach.is_on_pages());
        let shelves = Arc::new(shelve(&posts));
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = (fingerprint, Arc::clone(&shelves));
        Ok(shelves)
    }
}

fn shelve(newest_first: &[Post]) -> Shelves {
    let mut topics: BTreeMap<&str, Topic> = BTreeMap::new();
    for entry in newest_first.iter().map(|post| &post.entry) {
        for topic in &entry.topics {
            topics.entry(&topic.slug).or_insert_with(|| Topic {
                slug: topic.slug.clone(),
                name: topic.name.clone(),
                latest: entry.date,
            });
        }
    }
    let mut topics: Vec<Topic> = topics.into_values().collect();
    topics.sort_by_key(|topic| topic.name.to_lowercase());
    Shelves { posts: newest_first.iter().map(PostLine::from).collect(), topics }
}
