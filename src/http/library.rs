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
        let shelves = Arc::new(Shelves { posts, catalogue });
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = (fingerprint, Arc::clone(&shelves));
        Ok(shelves)
    }
}

/// Whether an item of the catalogue is a post with a page; editions come after the posts.
pub fn is_on_pages(item: &Post) -> bool {
    item.id >= 0 && item.entry.send.reach.is_on_pages()
}
