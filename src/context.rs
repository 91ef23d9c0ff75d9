//! What every task and handler is given.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use tokio::sync::Notify;

use crate::archive::Archive;
use crate::domain::edition::Edition;
use crate::domain::token::KeyRing;
use crate::domain::{Fault, Post, Timestamp};
use crate::feeds::{self, ArchivePage, Asset, Catalogue, Masthead, Sent};
use crate::fetch::Fetcher;
use crate::settings::Settings;
use crate::store::{PostTold, Store, StoreError, Trouble};
use crate::transport::Transport;
use crate::transport::dkim::Signer;
use crate::views::model::SiteModel;
use crate::views::pages;
use crate::views::plural::primary;
use crate::views::style::Style;
use crate::views::tokens;
use crate::views::words::Words;

/// The only clock a task or handler sees.
pub trait Clock: Send + Sync {
    /// The present instant.
    fn now(&self) -> Timestamp;
}

/// The only source of chance.
pub trait Ids: Send + Sync {
    /// Fills `bytes` with unpredictable ones.
    fn fill(&self, bytes: &mut [u8]);
}

/// What every task and handler is given. Built once by `app`.
pub struct Context {
    /// What the operator decided.
    pub settings: Settings,
    /// The database.
    pub store: Store,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Chance.
    pub ids: Arc<dyn Ids>,
    /// Where posts come from.
    pub archive: Arc<Archive>,
    /// The roads out for mail, one for each relay of the settings.
    pub relays: Vec<Box<dyn Transport>>,
    /// Asks servers of others.
    pub fetcher: Fetcher,
    /// Sign mail, each with a key of the operator's.
    pub signers: Vec<Signer>,
    /// Keys of tokens and Message-IDs.
    pub keys: KeyRing,
    /// Every word of mails and pages.
    pub words: Words,
    /// Style sheets and icon of pages and feeds.
    pub looks: Looks,
    /// What is published: feeds by path.
    pub site: Site,
    /// What the tasks wait for.
    pub wake: Wake,
}

impl Context {
    /// The present instant.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// A number in `0.0..1.0` that nobody can foretell.
    pub fn jitter(&self) -> f64 {
        let mut bytes = [0; 4];
        self.ids.fill(&mut bytes);
        f64::from(u32::from_le_bytes(bytes)) / (f64::from(u32::MAX) + 1.0)
    }

    /// What the ledger calls the relays: `a.example:587 or b.example:587`.
    pub fn relay_names(&self) -> String {
        let names: Vec<_> = self.relays.iter().map(|relay| relay.name()).collect();
        names.join(" or ")
    }

    /// An absolute address under the public one.
    pub fn public(&self, path: &str) -> String {
        format!("{}{path}", self.settings.http.public_url)
    }

    /// What all feeds have in common.
    pub fn masthead(&self) -> Masthead {
        let (site, feeds) = (&self.settings.site, &self.settings.feeds);
        Masthead {
            title: site.title.clone(),
            description: site.description.clone(),
            language: site.language.clone(),
            author: site.author.clone(),
            site_url: site.url.clone(),
            public_url: self.settings.http.public_url.clone(),
            full_text: feeds.full_text,
            hubs: feeds.hubs.clone(),
            items: feeds.items,
            stylesheet: self.looks.feed_css.clone(),
        }
    }

    /// Everything there is to follow, posts without their bodies.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn catalogue(&self, now: Timestamp) -> Result<Catalogue, StoreError> {
        let sent: Vec<Sent> = self.store.sent_editions().await?.into_iter().map(sent).collect();
        let newsletters = self.settings.newsletters.iter().map(|one| (one.id.clone(), one.title.clone()));
        let newsletters: Vec<_> = newsletters.collect();
        let posts = self.store.public_outlines(now).await?;
        Ok(Catalogue::of(posts, &sent, &newsletters, &self.settings.http.public_url))
    }

    /// Copies of items of a catalogue, with their bodies.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn with_bodies(&self, catalogue: &Catalogue, items: &[usize]) -> Result<Vec<Post>, StoreError> {
        let mut posts: Vec<Post> = items.iter().map(|&item| catalogue.items[item].clone()).collect();
        let ids: Vec<i64> = posts.iter().map(|post| post.id).filter(|id| *id >= 0).collect();
        let mut bodies = self.store.bodies(&ids).await?;
        for post in &mut posts {
            if let Some(html) = bodies.remove(&post.id) {
                post.entry.html = html;
            }
        }
        Ok(posts)
    }

    /// A page of a feed's archive, made now.
    ///
    /// # Errors
    /// Those of the store and of a feed writer.
    pub async fn archive_page(&self, catalogue: &Catalogue, page: &ArchivePage<'_>) -> anyhow::Result<Asset> {
        let posts = self.with_bodies(catalogue, &page.items).await?;
        let posts: Vec<&Post> = posts.iter().collect();
        let feed_id = self.site.get(&page.current()).map(|current| current.feed_id).unwrap_or_default();
        Ok(page.render(&self.masthead(), &posts, &feed_id)?)
    }

    /// Changes whenever what feeds and lists are made from does.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn published_from(&self, now: Timestamp) -> Result<String, StoreError> {
        Ok(self.store.public_fingerprint(now).await? + "\n" + &self.store.sent_fingerprint().await?)
    }

    /// The words of a language a reader chose; `None` for those of the site.
    pub fn own_words(&self, language: Option<&str>) -> Option<&'static Words> {
        language.filter(|tag| !self.speaks(tag)).and_then(Words::shipped)
    }

    /// The words for a reader: in the language they chose, else in the site's.
    pub fn words_for(&self, language: Option<&str>) -> &Words {
        self.own_words(language).unwrap_or(&self.words)
    }

    /// A choice of language as it is kept: the tag of one that is shipped, `None` for the site's.
    pub fn choice_of_language(&self, tag: &str) -> Option<String> {
        self.own_words(Some(tag)).map(Words::language)
    }

    /// The languages readers may choose among, by tag, with their own names: the site's first.
    pub fn languages(&self) -> Vec<(String, String)> {
        let others = Words::languages().filter(|tag| !self.speaks(tag)).filter_map(Words::shipped);
        let named = |words: &Words| (words.language(), words.language_name());
        std::iter::once(named(&self.words)).chain(others.map(named)).collect()
    }

    fn speaks(&self, tag: &str) -> bool {
        primary(tag) == primary(&self.words.language())
    }

    /// The site as mails and pages show it.
    pub fn site_model(&self) -> SiteModel {
        SiteModel {
            title: self.settings.site.title.clone(),
            url: self.settings.site.url.clone(),
            public_url: self.settings.http.public_url.clone(),
            language: self.settings.site.language.clone(),
            postal_address: self.settings.site.postal_address.clone(),
            zone: self.settings.site.timezone,
            style: Arc::clone(&self.looks.mail),
        }
    }
}

fn sent((edition, posts): (Edition, Vec<PostTold>)) -> Sent {
    Sent {
        number: edition.number,
        newsletter: edition.newsletter,
        cadence: edition.cadence.as_str().to_owned(),
        subject: edition.public_subject.unwrap_or(edition.subject),
        sealed: edition.sealed,
        posts,
    }
}

/// The files of `templates/` that readers' browsers fetch; by default those of
/// this program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Looks {
    /// `page.css`, its tokens filled in.
    pub page_css: String,
    /// `icon.svg`
    pub icon: String,
    /// `feed.css`
    pub feed_css: String,
    /// The style sheets of mails.
    pub mail: Arc<Style>,
    /// The logo, when there is one: media type and bytes.
    pub logo: Option<(&'static str, Vec<u8>)>,
}

impl Default for Looks {
    fn default() -> Self {
        Self {
            page_css: tokens::fill(pages::STYLES),
            icon: pages::ICON.to_owned(),
            feed_css: feeds::STYLESHEET.to_owned(),
            mail: Style::usual(),
            logo: None,
        }
    }
}

/// Published files by decoded path, replaced as a whole, and whether the
/// archive they come from could be read, the database written, and its disk has room.
#[derive(Default)]
pub struct Site {
    published: RwLock<Arc<HashMap<String, Asset>>>,
    archive_fault: RwLock<Option<Fault>>,
    store_failing: AtomicBool,
    disk_troubles: RwLock<Vec<Trouble>>,
}

impl Site {
    /// Everything published now.
    pub fn all(&self) -> Arc<HashMap<String, Asset>> {
        // A poisoned lock still holds a whole map: it is only ever replaced.
        self.published.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The file published under a path.
    pub fn get(&self, path: &str) -> Option<Asset> {
        self.all().get(path).cloned()
    }

    /// Publishes all files at once in place of those before.
    pub fn replace(&self, files: HashMap<String, Asset>) {
        *self.published.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(files);
    }

    /// Makes the smaller forms of what is published, one file after the other and
    /// the site's own feeds first, while `goes_on` says so and no other files
    /// have come. Takes long where there are many feeds: for a thread of its own.
    pub fn prepare(&self, goes_on: impl Fn() -> bool) {
        let all = self.all();
        let mut raw: Vec<_> = all.iter().filter(|(_, asset)| !asset.is_prepared()).collect();
        raw.sort_by_key(|(path, asset)| (path.matches('/').count(), asset.feed_id.is_empty(), *path));
        let is_current = || Arc::ptr_eq(&all, &self.all());
        raw.into_iter().take_while(|_| goes_on() && is_current()).for_each(|(_, asset)| asset.prepare());
    }

    /// Why the archive could not be read at the last scan, if it could not.
    pub fn archive_fault(&self) -> Option<Fault> {
        self.archive_fault.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether the database refused the last round of writes.
    pub fn is_store_failing(&self) -> bool {
        self.store_failing.load(Ordering::Relaxed)
    }

    /// Notes whether the database refused a round of writes.
    pub fn set_store_failing(&self, failing: bool) {
        self.store_failing.store(failing, Ordering::Relaxed);
    }

    /// What was wrong with the disk of the database when last looked.
    pub fn disk_troubles(&self) -> Vec<Trouble> {
        self.disk_troubles.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Notes what is wrong with the disk of the database.
    pub fn set_disk_troubles(&self, troubles: Vec<Trouble>) {
        *self.disk_troubles.write().unwrap_or_else(PoisonError::into_inner) = troubles;
    }

    /// Notes whether the archive could be read.
    pub fn set_archive_fault(&self, fault: Option<Fault>) {
        *self.archive_fault.write().unwrap_or_else(PoisonError::into_inner) = fault;
    }
}

/// What wakes a task before its next tick.
#[derive(Default)]
pub struct Wake {
    /// The archive seems to have changed.
    pub archive: Notify,
    /// The outbox has something new.
    pub outbox: Notify,
    /// A feed has changed that hubs have to be told of.
    pub hubs: Notify,
}
