//! Views: a plain model becomes markup or text. Pure: the same model and the
//! same words give the same bytes, so that what was sealed can be shown again.
//!
//! | file | what it makes |
//! |---|---|
//! | [`words`], [`dates`] | the catalogue of every word, dates and numbers in it |
//! | [`tokens`] | colours, spaces and fonts, with their contrast proven |
//! | [`model`] | what each mail is told |
//! | [`pages`] | the pages readers see |
//! | [`field`] | what differs from copy to copy of a frozen mail |
//! | [`wrap`] | lines of plain text |

pub mod dates;
pub mod field;
pub mod model;
pub mod pages;
pub mod tokens;
pub mod words;
pub mod wrap;
