// nodemailer's pool sends COUNT messages with the bodies that Postroom sends; tests/bench/delivery installs and runs it.
//
//     node nodemailer.mjs FOLDER <<<'{"port": .., "connections": .., "count": .., "text": .., "html": .., "key": ..}'
//
// FOLDER is where it was installed; `key`, in PEM, is for DKIM.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const { createTransport } = createRequire(process.argv[2] + "/")("nodemailer");
const { port, connections, count, text, html, key } = JSON.parse(readFileSync(0, "utf8"));

const transport = createTransport({
  pool: true,
  host: "127.0.0.1",
  port,
  secure: false,
  ignoreTLS: true,
  maxConnections: connections,
  maxMessages: 100,
  ...(key && { dkim: { domainName: "blog.test", keySelector: "s1", privateKey: key } }),
});

const fill = (body, token) =>
  body
    .replaceAll("\x11", "You get this because you asked for it.")
    .replaceAll("\x12", `https://news.blog.test/s/${token}/unsubscribe`)
    .replaceAll("\x13", `https://news.blog.test/s/${token}/preferences`);

function message(number) {
  const token = `${number}`.padStart(60, "t");
  const leave = `https://news.blog.test/s/${token}/unsubscribe`;
  return {
    from: "The Bench Blog <news@blog.test>",
    to: `reader${number}@readers${number % 97}.test`,
    subject: "On news",
    text: fill(text, token),
    html: fill(html, token),
    headers: {
      "List-Id": "The Bench Blog <posts.news.blog.test>",
      "List-Unsubscribe": `<${leave}>`,
      "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    },
  };
}

let begun = 0;
let done = 0;
await new Promise((resolve, reject) => {
  const more = () => {
    while (begun < count && transport.isIdle()) {
      transport.sendMail(message(begun++)).then(() => ++done === count && resolve(), reject);
    }
  };
  transport.on("idle", more);
  if (count === 0) resolve();
  more();
});
transport.close();
