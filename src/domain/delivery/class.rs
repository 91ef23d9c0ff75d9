//! What a refusal is about: `replies.txt`, read and asked.

use std::collections::HashMap;
use std::ops::RangeInclusive;
use std::sync::LazyLock;

use super::{Phase, Reply};

/// What a refusal is about, and so what has to back off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// The mailbox does not exist: refused and suppressed.
    RecipientHard,
    /// This mailbox, this time.
    RecipientSoft,
    /// This message: too large, malformed.
    Edition,
    /// The relay is busy, broken or wants other credentials.
    Relay,
    /// Who we are: authentication, reputation, policy. Suppresses nobody.
    Sender,
}

impl Class {
    const ALL: [Self; 5] = [Self::RecipientHard, Self::RecipientSoft, Self::Edition, Self::Relay, Self::Sender];

    /// The word for it in SQL and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RecipientHard => "recipient_hard",
            Self::RecipientSoft => "recipient_soft",
            Self::Edition => "edition",
            Self::Relay => "relay",
            Self::Sender => "sender",
        }
    }
}

/// Who is asked to slow down by a relay's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slow {
    /// Mail for the domain of this recipient.
    Domain,
    /// All mail for this relay.
    Relay,
    /// The same: it has taken what it takes in a day.
    Quota,
}

/// The table.
const REPLIES: &str = include_str!("replies.txt");
static RULES: LazyLock<Vec<Rule>> = LazyLock::new(|| rules(REPLIES).filter_map(Result::ok).collect());

/// What the table says of a 4xx or 5xx. It ends with lines that take everything.
pub(super) fn verdict(phase: Phase, reply: &Reply) -> (Class, Option<Slow>) {
    let text = reply.text.to_ascii_lowercase();
    let rule = RULES.iter().find(|rule| rule.fits(phase, reply, &text));
    rule.map_or((Class::RecipientSoft, None), |rule| (rule.class, rule.asks))
}

/// A line.
#[derive(Debug)]
struct Rule {
    /// Any when empty.
    steps: Vec<&'static str>,
    codes: Vec<RangeInclusive<u16>>,
    /// Any when empty.
    enhanced: Vec<Enhanced>,
    /// Any when empty: of one all words are in the text.
    texts: Vec<Vec<&'static str>>,
    class: Class,
    asks: Option<Slow>,
}

#[derive(Debug)]
enum Enhanced {
    None,
    Like([Option<u16>; 3]),
}

impl Rule {
    fn read(line: &'static str, words: &HashMap<&str, &'static str>) -> Option<Self> {
        let columns: Vec<&str> = line.split("  ").map(str::trim).filter(|column| !column.is_empty()).collect();
        let [steps, codes, enhanced, text, class, asks] = columns[..] else { return None };
        let text = if text.starts_with('$') { words.get(text)? } else { text };
        let several = |column: &'static str| column.split(',').map(str::trim).filter(|word| *word != "*");
        let is_step = |step: &&str| matches!(*step, "mail" | "rcpt" | "dot");
        let asks = match asks {
            "-" => None,
            "domain" => Some(Slow::Domain),
            "relay" => Some(Slow::Relay),
            "quota" => Some(Slow::Quota),
            _ => return None,
        };
        Some(Self {
            steps: several(steps).map(|step| is_step(&step).then_some(step)).collect::<Option<_>>()?,
            codes: several(codes).map(code).collect::<Option<_>>()?,
            enhanced: several(enhanced).map(Enhanced::read).collect::<Option<_>>()?,
            texts: several(text).map(|all| all.split(" & ").collect()).collect(),
            class: Class::ALL.into_iter().find(|one| one.as_str() == class)?,
            asks,
        })
    }

    fn fits(&self, phase: Phase, reply: &Reply, text: &str) -> bool {
        let step = match phase {
            Phase::Connect | Phase::Mail => "mail",
            Phase::Rcpt => "rcpt",
            Phase::Data | Phase::Content | Phase::Dot => "dot",
        };
        (self.steps.is_empty() || self.steps.contains(&step))
            && self.codes.iter().any(|codes| codes.contains(&reply.code))
            && (self.enhanced.is_empty() || self.enhanced.iter().any(|like| like.fits(reply.enhanced)))
            && (self.texts.is_empty() || self.texts.iter().any(|all| all.iter().all(|words| says(text, words))))
    }
}

impl Enhanced {
    fn read(text: &str) -> Option<Self> {
        if text == "none" {
            return Some(Self::None);
        }
        let mut parts = text.split('.').map(|part| if part == "x" { Some(None) } else { part.parse().ok().map(Some) });
        let like = [parts.next()??, parts.next()??, parts.next()??];
        parts.next().is_none().then_some(Self::Like(like))
    }

    fn fits(&self, enhanced: Option<[u16; 3]>) -> bool {
        match (self, enhanced) {
            (Self::None, None) => true,
            (Self::Like(like), Some(parts)) => {
                like.iter().zip(parts).all(|(like, part)| like.is_none_or(|one| one == part))
            }
            _ => false,
        }
    }
}

/// `550`, `450-452`, `4xx`
fn code(text: &str) -> Option<RangeInclusive<u16>> {
    if let Some(hundreds) = text.strip_suffix("xx") {
        let hundreds: u16 = hundreds.parse().ok().filter(|one| (4..=5).contains(one))?;
        return Some(hundreds * 100..=hundreds * 100 + 99);
    }
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    Some(first.parse().ok()?..=last.parse().ok()?)
}

/// Whether a text has these words, as words: "rate" is not in "corporate".
fn says(text: &str, words: &str) -> bool {
    let is_apart = |c: Option<char>| c.is_none_or(|c| !c.is_alphanumeric());
    text.match_indices(words)
        .any(|(at, _)| is_apart(text[..at].chars().next_back()) && is_apart(text[at + words.len()..].chars().next()))
}

/// The lines of a table, each read or as it stands there.
fn rules(table: &'static str) -> impl Iterator<Item = Result<Rule, &'static str>> {
    let lines = table.lines().filter(|line| !line.trim().is_empty() && !line.starts_with(['#', ' ']));
    let words = table.lines().filter(|line| line.starts_with('$')).filter_map(|line| line.split_once(" = "));
    let words: HashMap<&str, &str> = words.collect();
    lines.filter(|line| !line.starts_with('$')).map(move |line| Rule::read(line, &words).ok_or(line))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{Outcome, Report};
    use super::*;

    /// `rcpt  550 5.1.1 no such user`
    fn example(line: &str) -> (Phase, Reply) {
        let (step, reply) = line.trim_start_matches([' ', '>']).split_once(' ').unwrap();
        let (code, text) = reply.trim().split_once(' ').unwrap();
        let phase = match step {
            "mail" => Phase::Mail,
            "rcpt" => Phase::Rcpt,
            "dot" => Phase::Dot,
            _ => panic!("{line}"),
        };
        (phase, Reply::new(code.parse().unwrap(), text))
    }

    #[test]
    fn every_line_of_the_table_is_read_and_decides_its_examples() {
        let mut rule = 0;
        let mut untried = "";
        for line in REPLIES.lines().filter(|line| !line.trim().is_empty() && !line.starts_with(['#', '$'])) {
            if !line.starts_with(' ') {
                assert_eq!(untried, "", "a line without an example");
                (rule, untried) = (rule + 1, line);
                continue;
            }
            untried = "";
            let (phase, reply) = example(line);
            let text = reply.text.to_lowercase();
            let found = RULES.iter().position(|rule| rule.fits(phase, &reply, &text));
            assert_eq!(found, Some(rule - 1), "{line}");
        }
        assert_eq!((RULES.len(), untried), (rule, ""));
        assert_eq!(rules(REPLIES).find_map(Result::err), None);
    }

    #[test]
    fn what_is_no_line_is_not_read() {
        for wrong in [
            "rcpt  550  *  *  relay",
            "data  550  *  *  relay  -",
            "rcpt  6xx  *  *  relay  -",
            "rcpt  550  5.1  *  relay  -",
            "rcpt  550  *  $unknown  relay  -",
            "rcpt  550  *  *  nobody  -",
            "rcpt  550  *  *  relay  soon",
        ] {
            assert!(Rule::read(wrong, &HashMap::new()).is_none(), "{wrong}");
        }
    }

    fn phases() -> impl Strategy<Value = Phase> {
        prop::sample::select(vec![Phase::Connect, Phase::Mail, Phase::Rcpt, Phase::Data, Phase::Content, Phase::Dot])
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]
        #[test]
        fn the_table_is_total_and_hard_only_where_it_must_be(
            phase in phases(),
            code in 200_u16..600,
            subject in 0_u16..9,
            detail in 0_u16..40,
            enhanced in any::<bool>(),
            text in "(spam|user unknown|rate|quota daily|full|[a-z ]{0,12}){0,3}",
        ) {
            let text = if enhanced { format!("{}.{subject}.{detail} {text}", code / 100) } else { text };
            let report = Report::replied(phase, Reply::new(code, &text));
            let Some(class) = report.class() else {
                prop_assert!(code < 400);
                prop_assert_eq!(report.outcome == Outcome::Accepted, code < 300 && phase == Phase::Dot);
                return Ok(());
            };
            prop_assert!(RULES.iter().any(|rule| rule.fits(phase, report.reply.as_ref().unwrap(), "")
                || !rule.texts.is_empty()), "a line takes it");
            prop_assert!(code >= 400 && report.outcome != Outcome::Accepted && report.outcome != Outcome::Uncertain);
            if code < 500 {
                prop_assert_eq!(report.outcome, Outcome::Deferred);
                prop_assert!(class != Class::RecipientHard);
            }
            if phase <= Phase::Mail {
                prop_assert_eq!(report.outcome, Outcome::Deferred);
                prop_assert!(!matches!(class, Class::RecipientHard | Class::RecipientSoft));
            }
            if class == Class::RecipientHard {
                prop_assert!(report.outcome == Outcome::Refused && !(enhanced && subject == 7));
            }
            if class == Class::Relay {
                prop_assert_eq!(report.outcome, Outcome::Deferred);
            }
            prop_assert!(report.slow().is_none() || report.outcome == Outcome::Deferred);
        }
    }
}
