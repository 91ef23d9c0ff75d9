//! What lists and feeds need of all posts, kept until a post or an edition
//! changes: they are asked for often, and there are many.

use std::sync::{Arc, Mutex, PoisonError};

use crate::context::Context;
use crate::domain::{Post, Timestamp};
use crate::feeds::Catalogue;
use crate::store::StoreError;
use crate::views::pages::posts::PostLine;

/// Everything public, without bodies.
#[derive(Debug, Default)]
pub struct Shelves {
    /// Every post that has a page, as one line, newest first.
    pub posts: Vec<PostLine>,
    /// All there is to follow.
    pub catalogue: Catalogue,
    /// Since when it is as it is, as far as anybody could see: what is made from
    /// it did not change after that.
    pub modified: Timestamp,
}

/// The last shelves and the fingerprint of what they were made from.
#[derive(Debug, Default)]
pub struct Library(Mutex<(String, Arc<Shelves>)>);

impl Library {
    /// The shelves as of now.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn shelves(&self, ctx: &Context, now: Timestamp) -> Result<Arc<Shelves>, StoreError> {
        let fingerprint = ctx.published_from(now).await?;
        {
            let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if kept.0 == fingerprint {
                return Ok(Arc::clone(&kept.1));
            }
        }
        let catalogue = ctx.catalogue(now).await?;
        let posts = catalogue.items.iter().filter(|post| is_on_pages(post)).map(PostLine::from).collect();
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Dates over HTTP are whole seconds: what changes twice within one gets the next.
        let after = Timestamp((kept.1.modified.0.div_euclid(1_000) + 1) * 1_000);
        let shelves = Arc::new(Shelves { posts, catalogue, modified: now.max(after) });
        *kept = (fingerprint, Arc::clone(&shelves));
        Ok(shelves)
    }
}

/// Whether an item of the catalogue is a post with a page; editions come after the posts.
pub fn is_on_pages(item: &Post) -> bool {
    item.id >= 0 && item.entry.send.reach.is_on_pages()
}
