//! What `--json` answers, command by command: help and manual pages show it.

/// Said once for all of them.
const COMMON: &str = "\
With --json the answer is one object. Times are RFC 3339 in UTC, null is what is not
known or not so. Keys may be added; when one changes or goes, `schema` is another
number. Where the exit code is 2 or more there is no object.
";

macro_rules! fault {
    () => {
        "{place, line, reason, help}"
    };
}

macro_rules! edition {
    ($more:literal) => {
        concat!(
            "{number, newsletter, cadence, slot, state, reason, subject, audience, open,
    deliveries_by_state: {queued, leased, handing_over, uncertain, accepted, refused,
      suppressed, expired, cancelled},
    sealed, finished",
            $more,
            "}"
        )
    };
}

macro_rules! mail {
    ($more:literal) => {
        concat!(
            "{id, kind, edition, address, state, attempts, uncertain, not_before, reason,
    created, settled",
            $more,
            "}"
        )
    };
}

macro_rules! subscription {
    ($more:literal) => {
        concat!(
            "{address, newsletter, status, cadence, language, topics: [], covered_until,
    paused_until, created, confirmed, unsubscribed",
            $more,
            "}"
        )
    };
}

const SHAPES: &[(&str, &str)] = &[
    (
        "postroom check",
        concat!(
            "{schema: 1, generator, errors: [FAULT], warnings: [FAULT],
  posts: {public, drafts, scheduled, expired, unmailed, feeds_only, mail_only,
    subscribers_only}}
FAULT is ",
            fault!()
        ),
    ),
    (
        "postroom plan",
        "{schema: 1, at, plans: [{newsletter, cadence, slot, subscribers, audience, suppressed,
  paused, takes_hours, held, variants: [{audience, language, posts: [{title, url, seq}]}]}]}
subscribers would be looked at, audience get something; held says why it would wait.
A language of null is the site's.",
    ),
    (
        "postroom status",
        concat!(
            "{schema: 1, paused_since, pause_reason, editions: [EDITION], last: EDITION,
  next: [{newsletter, cadence, slot}],
  outbox: {open, deferred, uncertain, oldest, next_try},
  waiting: {quiet_until, relays: [{relay, domain, reason, until}]},
  troubles: [{what, reason}],
  subscriptions: [{newsletter, status, cadence, count}]}
editions are those that are not over, last is the newest that is. EDITION is
  ",
            edition!(", per_minute")
        ),
    ),
    (
        "postroom why",
        concat!(
            "{schema: 1, address, subscriptions: [SUBSCRIPTION], suppressed: {why, since},
  mails: [MAIL]}, or with a post {schema: 1, address, post, answer, mail: MAIL}
SUBSCRIPTION is
  ",
            subscription!(""),
            "
MAIL, without tries where a post was named, is
  ",
            mail!(
                ",
    tries: [{number, relay, started, ended, phase, outcome, code, enhanced, text}]"
            )
        ),
    ),
    ("postroom editions list", concat!("{schema: 1, editions: [EDITION]}, newest first. EDITION is\n  ", edition!(""))),
    (
        "postroom editions show",
        concat!(
            "An EDITION:
  ",
            edition!(
                ",
    schema: 1, posts: [{title, url}], deliveries: [MAIL]"
            ),
            "
deliveries are there when some are asked for. MAIL is
  ",
            mail!("")
        ),
    ),
    (
        "postroom editions verify",
        "{schema: 1, number, balances, audience, open, left_in_hand, inconsistencies: [SENTENCE]}",
    ),
    (
        "postroom subscribers list",
        concat!(
            "{schema: 1, subscriptions: [SUBSCRIPTION], more}; more is true when --limit cut it short.
SUBSCRIPTION is
  ",
            subscription!("")
        ),
    ),
    (
        "postroom subscribers show",
        concat!(
            "{schema: 1, address, subscriptions: [SUBSCRIPTION], suppressed: {why, since}, mails}
mails counts them. SUBSCRIPTION is
  ",
            subscription!(
                ",
    consents: [{at, act, source, words, network}]"
            )
        ),
    ),
    (
        "postroom config show",
        "{schema: 1, file, values: [{key, value, from, line}]}
from is default, file, or the variable or file it was found in.",
    ),
];

/// The part of a command's help about its `--json`, when it has that.
pub fn of(path: &str) -> Option<String> {
    let (_, shape) = SHAPES.iter().find(|(name, _)| *name == path)?;
    let shape = shape.replace('\n', "\n  ");
    Some(format!("JSON:\n{}\n  {shape}", COMMON.lines().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n")))
}
