//! Views: a plain model becomes markup or text. Pure: the same model and the
//! same words give the same bytes, so that what was sealed can be shown again.
//!
//! | file | what it makes |
//! |---|---|
//! | [`words`], [`dates`], [`plural`] | the catalogue of every word, dates and numbers in it |
//! | [`tokens`], [`accent`], [`style`] | colours, spaces and fonts, with their contrast proven; what mails are dressed in |
//! | [`model`] | what each mail is told |
//! | [`mail`] | mails, whole: editions and [`letter`]s, with their size kept |
//! | [`sheet`] | an edition laid out, from which both parts are written |
//! | [`email`], [`frame`] | the HTML part |
//! | [`text`], [`wrap`] | the text part |
//! | [`body`] | a full post made fit for mail |
//! | [`direction`] | which way a text reads |
//! | [`field`] | what differs from copy to copy of a frozen mail |
//! | [`preflight`] | what inboxes would hold against a post or a mail |
//! | [`samples`] | a sample of every mail |
//! | [`pages`] | the pages readers see |

pub mod accent;
pub mod body;
pub mod dates;
pub mod direction;
pub mod email;
pub mod embed;
pub mod field;
pub mod frame;
pub mod letter;
pub mod mail;
pub mod model;
pub mod pages;
pub mod plural;
pub mod preflight;
pub mod samples;
pub mod sheet;
pub mod style;
pub mod text;
pub mod tokens;
pub mod words;
pub mod wrap;
