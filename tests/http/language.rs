//! Readers who speak another language than the site: where they say so, and what speaks it from then on.

use postroom::domain::Address;
use postroom::domain::subscription::Status;
use postroom::domain::token::Purpose;

use super::house::House;

#[tokio::test]
async fn a_reader_chooses_the_language_of_every_page_a_token_opens() {
    let house = House::new().await;
    let jane = house.reader("jane@example.com", Status::Active).await;
    let manage = format!("/s/{}", house.token(Purpose::Manage, jane.id));
    let page = house.get(&manage).await.body;
    assert!(page.contains("<option value=\"en\" lang=\"en\" dir=\"ltr\" selected>English</option>"), "{page}");
    for name in ["Deutsch", "Français", "Español", "العربية"] {
        assert!(page.contains(&format!(">{name}</option>")), "{name}");
    }
    let saved = house.post(&manage, "cadence=monthly&language=ar").await.body;
    assert!(saved.contains("<html lang=\"ar\" dir=\"rtl\">") && saved.contains("dir=\"rtl\" selected"), "{saved}");
    assert_eq!(house.subscription(jane.id).await.language.as_deref(), Some("ar"));
    let leave = format!("/s/{}/unsubscribe", house.token(Purpose::Unsubscribe, jane.id));
    for path in [&manage, &leave, &format!("{manage}/data")] {
        assert!(house.get(path).await.body.contains("<html lang=\"ar\" dir=\"rtl\">"), "{path}");
    }
    let data = house.post(&format!("{manage}/data"), "email=jane%40example.com").await.body;
    assert!(data.contains("\"language\":\"ar\""), "{data}");
    assert!(house.get("/").await.body.contains("<html lang=\"en\""), "nobody else's page");
    house.post(&manage, "cadence=weekly").await;
    assert_eq!(house.subscription(jane.id).await.language.as_deref(), Some("ar"), "not asked, not changed");
    house.post(&manage, "cadence=weekly&language=tlh").await;
    assert_eq!(house.subscription(jane.id).await.language, None, "what is not shipped is the site's");
    house.post(&manage, "cadence=weekly&language=de").await;
    let left = house.post(&leave, "").await.body;
    assert!(left.contains("<html lang=\"de\"") && left.contains("Rückgängig"), "{left}");
    let ended = house.post(&manage, "cadence=weekly&language=en").await;
    assert!(ended.status == 410 && ended.body.contains("<html lang=\"de\""), "{}", ended.body);
    assert!(ended.body.contains("name=\"language\" value=\"de\""), "who starts again here keeps it");
}

#[tokio::test]
async fn a_form_in_another_language_is_answered_and_confirmed_in_it() {
    let house = House::new().await;
    let form = house.get("/subscribe?language=fr").await.body;
    assert!(form.contains("<html lang=\"fr\"") && form.contains("name=\"language\" value=\"fr\""), "{form}");
    assert!(form.contains("href=\"/subscribe\" hreflang=\"en\"") && form.contains("href=\"/subscribe?language=de\""));
    let fault = house.post("/subscribe", "email=jane&language=fr").await;
    assert!(fault.status == 422 && fault.body.contains("<html lang=\"fr\""), "{}", fault.body);
    let sent = house.post("/subscribe", "email=jane%40example.com&language=fr").await;
    assert_eq!((sent.status, sent.header("location")), (303, "/subscribe/sent?language=fr"));
    assert!(house.get("/subscribe/sent?language=fr").await.body.contains("href=\"/subscribe?language=fr\""));
    let address = Address::parse("jane@example.com").unwrap();
    let jane = house.ctx.store.subscriptions_of(&address).await.unwrap().remove(0);
    assert_eq!(jane.language.as_deref(), Some("fr"));
    let link = format!("/confirm/{}", house.token(Purpose::Confirm, jane.id));
    assert!(house.get(&link).await.body.contains("<html lang=\"fr\""));
    let welcome = house.post(&link, "email=jane%40example.com").await;
    assert!(welcome.status == 200 && welcome.body.contains("<html lang=\"fr\""), "{}", welcome.body);
    let consents = house.ctx.store.consents(jane.id).await.unwrap();
    assert!(consents[0].words.contains("Une fois par semaine"), "the words that were seen: {consents:?}");
    // A stranger who types the address of a reader changes nothing of hers.
    house.post("/subscribe", "email=jane%40example.com&language=es").await;
    assert_eq!(house.subscription(jane.id).await.language.as_deref(), Some("fr"));
    for odd in ["en", "en-GB", "tlh", "", "..%2F", "fr%0D%0AX-Y:%20z"] {
        let odd = house.get(&format!("/subscribe?language={odd}")).await;
        assert!(odd.status == 200 && odd.body.contains("<html lang=\"en\"") && !odd.body.contains("\"language\""));
    }
}

#[tokio::test]
async fn the_script_for_other_sites_speaks_a_language_and_passes_it_on() {
    let house = House::new().await;
    let (plain, french) = (house.get("/embed.js").await, house.get("/embed.js?language=fr").await);
    assert!(plain.body.contains("\"Subscribe\"") && french.body.contains("\"S’abonner\""), "{}", french.body);
    assert!(french.body.len() <= 5 * 1_024 && french.body.contains("name:'language'"), "{}", french.body);
    assert_eq!(house.get("/embed.js?language=tlh").await.body, plain.body);
}

#[tokio::test]
async fn what_a_reader_chose_is_kept_in_the_words_of_their_page() {
    let house = House::new().await;
    let jane = house.reader("jane@example.com", Status::Active).await;
    let manage = format!("/s/{}", house.token(Purpose::Manage, jane.id));
    house.post(&manage, "cadence=weekly&language=de").await;
    house.post(&manage, "cadence=weekly").await;
    house.post(&format!("/s/{}/less", house.token(Purpose::Unsubscribe, jane.id)), "").await;
    let consents = house.ctx.store.consents(jane.id).await.unwrap();
    let words: Vec<_> = consents.iter().filter(|one| one.act == "chose").map(|one| one.words.as_str()).collect();
    let [english, german, less] = words[..] else { panic!("{consents:?}") };
    assert!(english.contains("Once a week"), "{english}");
    assert!(german.contains("Einmal in der Woche") || german.contains("Einmal pro Woche"), "{german}");
    assert!(less.contains("Monat"), "{less}");
}
