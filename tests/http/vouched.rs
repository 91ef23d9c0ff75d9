//! A reader who answers for themselves after the operator has vouched for them.

use postroom::domain::Cadence;
use postroom::domain::subscription::{Consent, ConsentAct, Status};
use postroom::domain::token::Purpose;
use postroom::store::NewSubscription;

use super::house::House;

#[tokio::test]
async fn whoever_confirms_after_a_list_vouched_for_them_has_confirmed() {
    let house = House::new().await;
    let store = &house.ctx.store;
    let jane = house.reader("jane@example.com", Status::Pending).await;
    let mut import = store.import_file(&jane.newsletter, "list.csv", house.ctx.now()).await.unwrap();
    let consent = Consent { act: ConsentAct::Vouched, source: "import".into(), words: "paper".into(), network: None };
    let row = NewSubscription {
        address: jane.address.clone(),
        cadence: Cadence::Weekly,
        status: Status::Active,
        since: None,
    };
    import.add(&[row], &consent).await.unwrap();
    import.commit().await.unwrap();
    let vouched = house.subscription(jane.id).await;
    assert_eq!((vouched.status, vouched.confirmed), (Status::Active, None));
    let link = format!("/confirm/{}", house.token(Purpose::Confirm, jane.id));
    let question = house.get(&link).await;
    assert!(question.body.contains(&format!("action=\"{link}\"")), "{}", question.body);
    assert_eq!(house.post(&link, "").await.status, 422, "a button pressed by a machine");
    assert_eq!(house.subscription(jane.id).await.confirmed, None);
    let letters = house.letters("jane@example.com").await;
    let done = house.post(&link, "email=jane%40example.com").await;
    assert!(done.status == 200 && done.body.contains("href=\"/s/"), "{}", done.body);
    assert_eq!(house.post(&link, "").await.status, 200, "again, it says the same");
    assert!(!house.get(&link).await.body.contains("<form method=\"post\""), "nothing left to ask");
    assert_eq!(house.subscription(jane.id).await.confirmed, Some(house.ctx.now()));
    let acts: Vec<_> = store.consents(jane.id).await.unwrap().into_iter().map(|one| one.act).collect();
    assert_eq!(acts, ["asked", "vouched", "confirmed"]);
    assert_eq!(house.letters("jane@example.com").await, letters, "they are in already: no welcome");
    let list = store.last_import().await.unwrap().unwrap();
    store.undo_import(&list, house.ctx.now()).await.unwrap();
    assert_eq!(house.subscription(jane.id).await.status, Status::Active, "by their own word");
}
