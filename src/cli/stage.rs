//! Where a command stands: which settings, which database, what time it is.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Failure;
use crate::app;
use crate::archive;
use crate::context::Context;
use crate::domain::{Fault, Newsletter, Timestamp};
use crate::settings::Settings;
use crate::settings::sheet::Sheet;
use crate::store::Store;
use crate::system::{self, SystemClock, SystemIds};

/// Where settings are looked for when `--config` does not say.
const PLACES: [&str; 2] = ["postroom.toml", "/etc/postroom/postroom.toml"];

/// What every command is given.
pub struct Stage {
    /// The file `--config` names.
    pub config: Option<PathBuf>,
}

/// Settings and database together, for the commands that ask or tell the store.
pub struct Desk {
    /// What the operator decided.
    pub settings: Settings,
    /// The database.
    pub store: Store,
    /// The instant the command began.
    pub now: Timestamp,
}

/// All layers of the settings: beside defaults, `file` and environment what
/// the configuration of the site's own generator says.
///
/// # Errors
/// As [`Settings::sheet`].
pub fn sheet(file: Option<&Path>) -> Result<Sheet, Vec<Fault>> {
    let sheet = Settings::sheet(file)?;
    let text = |path: &str| sheet.value(path).and_then(|(value, _)| value.clone().into_string().ok());
    let Some(folder) = text("archive.path") else { return Ok(sheet) };
    let dialect = text("archive.dialect").filter(|name| archive::DIALECTS.contains(&name.as_str()));
    let about = archive::about(&sheet.resolve(&folder), dialect.as_deref());
    Ok(sheet.with_site(&about.file, about.values))
}

impl Stage {
    /// The settings file: the one named, else the first that is there.
    pub fn file(&self) -> Option<PathBuf> {
        let there = || PLACES.iter().map(PathBuf::from).find(|place| place.exists());
        self.config.clone().or_else(there)
    }

    /// The settings of this stage.
    ///
    /// # Errors
    /// When there are none or they are wrong.
    pub fn settings(&self) -> Result<Settings, Failure> {
        match self.file() {
            Some(file) => Ok(Settings::judge(&sheet(Some(Path::new(&file)))?)?),
            None => Err(Failure::usage(
                format!("there is no {} here and none at {}", PLACES[0], PLACES[1]),
                "`postroom init` writes one; `--config FILE` names another place",
            )),
        }
    }

    /// Works at a database that is there.
    ///
    /// # Errors
    /// Those of settings, database and work.
    pub fn at_desk<F: Future<Output = Result<(), Failure>>>(
        &self,
        work: impl FnOnce(Desk) -> F,
    ) -> Result<(), Failure> {
        let settings = self.settings()?;
        let file = &settings.database.file;
        if !file.exists() {
            return Err(Failure::refused(
                format!("nothing is kept yet: there is no database at {}", file.display()),
                "`postroom serve` makes it on its first start, `postroom subscribers import` too",
            ));
        }
        block_on(settings, work, false)
    }

    /// Works at a database that is made when it is not there.
    ///
    /// # Errors
    /// Those of settings, database and work.
    pub fn at_new_desk<F: Future<Output = Result<(), Failure>>>(
        &self,
        work: impl FnOnce(Desk) -> F,
    ) -> Result<(), Failure> {
        block_on(self.settings()?, work, true)
    }
}

impl Stage {
    /// Works with everything `serve` has: archive, database, relay, keys; what
    /// is not there yet is made.
    ///
    /// # Errors
    /// Those of settings, of what they name, and of work.
    pub fn in_context<F: Future<Output = Result<(), Failure>>>(
        &self,
        work: impl FnOnce(Arc<Context>) -> F,
    ) -> Result<(), Failure> {
        let settings = self.settings()?;
        let runtime = tokio::runtime::Runtime::new()?;
        let done = runtime.block_on(async {
            let ctx = app::context(settings, Arc::new(SystemClock), Arc::new(SystemIds)).await?;
            let store = ctx.store.clone();
            let done = work(ctx).await;
            store.close().await;
            done
        });
        // A look through the archive that hangs at a network drive would hang here for ever.
        runtime.shutdown_background();
        done
    }
}

fn block_on<F: Future<Output = Result<(), Failure>>>(
    settings: Settings,
    work: impl FnOnce(Desk) -> F,
    is_new: bool,
) -> Result<(), Failure> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
        app::homes(&settings)?;
        let store = Store::open(&settings.database.file).await?;
        let now = system::now();
        if is_new {
            // Subscriptions refer to newsletters, which before the first `serve` are not there.
            store.mirror_newsletters(&settings.newsletters, now).await?;
        }
        let done = work(Desk { settings, store: store.clone(), now }).await;
        store.close().await;
        done
    })
}

impl Desk {
    /// The newsletter named, or the only one.
    ///
    /// # Errors
    /// When there is no such newsletter, or none was named and there are several.
    pub fn newsletter(&self, named: Option<&str>) -> Result<&Newsletter, Failure> {
        newsletter(&self.settings, named)
    }
}

/// The newsletter named, or the only one.
///
/// # Errors
/// When there is no such newsletter, or none was named and there are several.
pub fn newsletter<'a>(settings: &'a Settings, named: Option<&str>) -> Result<&'a Newsletter, Failure> {
    let ids = || settings.newsletters.iter().map(|one| one.id.as_str()).collect::<Vec<_>>().join(", ");
    match (named, &settings.newsletters[..]) {
        (Some(id), _) => settings.newsletter(id).ok_or_else(|| {
            let known = match settings.newsletters.len() {
                1 => format!("the only one is `{}`", ids()),
                _ => format!("there are {}", ids()),
            };
            Failure::usage(format!("there is no newsletter `{}`", super::output::plain(id)), known)
        }),
        (None, [only]) => Ok(only),
        (None, _) => Err(Failure::usage("there are several newsletters", format!("name one of {}", ids()))),
    }
}
