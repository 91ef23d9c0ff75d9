// caniemail.mjs MODULES FILES...: holds the HTML of mails to the data of caniemail, for the clients most readers use.
// Names every feature that a client does not know and that is not on the list of what a mail may lose there.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";

const [modules, ...files] = process.argv.slice(2);
const { caniemail } = createRequire(modules + "/")("caniemail");
const CLIENTS = ["gmail.*", "outlook.*", "apple-mail.*", "yahoo.*"];

// What may be lost, and what is there instead.
const MAY_BE_LOST = {
  "<style> element": "every rule that must hold is inline; the rest of these is about the head alone",
  "Attribute selector": "light mail",
  "Class selector": "light mail",
  "Descendant combinator": "light mail",
  "Type selector": "light mail",
  "@media": "wide margins on a narrow screen",
  "<body> element": "the article inside has colour, language and direction as well",
  "Local anchors": "footnotes stand at the end of their post in full",
  "height property": "a picture's width; line-height is taken for it too",
  "border-radius": "square corners",
  "color-scheme": "light mail",
  "max-width": "a table Outlook alone sees",
  "max-height": "display: none, and mso-hide",
  "overflow": "display: none, and mso-hide",
  "text-decoration-color": "a line in the colour of the text",
  "text-decoration-thickness": "a thinner line",
  "text-underline-offset": "a line nearer to the text",
  "word-break": "long words reach over the margin",
  "white-space": "spaces of code are one",
  "display": "blocks below each other",
  "role attribute": "a table is read as one",
  "lang attribute": "a voice of another language",
  "dir attribute": "align says it too",
  "aria-label attribute": "the subject has said it",
  "aria-roledescription attribute": "it is read without a name for its kind",
};

let found = 0;
for (const file of files) {
  let result;
  try {
    result = caniemail({ clients: CLIENTS, html: readFileSync(file, "utf8") });
  } catch (error) {
    if (!(error instanceof RangeError)) throw error; // its data has holes: nothing is known then
    console.log(`${file}: ${error.message}`);
    continue;
  }
  for (const [client, issues] of result.issues.errors) {
    for (const { title } of issues) {
      if (!Object.keys(MAY_BE_LOST).some((known) => title.includes(known))) {
        console.log(`${file}: ${client} does not know ${title}`);
        found = 1;
      }
    }
  }
}
process.exit(found);
