// Drives the built page in headless Chromium: node test/browser.mjs [--shots FOLDER] [--only WORD]
// BASE_URL names a running server; without it the mock answers. CHROMIUM names the browser.
// Against a real server, what depends on canned answers is left out.
import assert from "node:assert/strict";
import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { chromium } from "playwright-core";
import { serve } from "./mock.mjs";

const option = (name) => (process.argv.includes(name) ? process.argv[process.argv.indexOf(name) + 1] : "");
const kShots = option("--shots");
const kMock = !process.env["BASE_URL"];
const kAxe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const kWait = kMock ? 10_000 : 120_000;

const mock = kMock ? await serve({ port: 0 }) : null;
const url = process.env["BASE_URL"] ?? mock.url;
const browser = await chromium.launch({
  executablePath: process.env["CHROMIUM"] ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking"],
});
if (kShots) mkdirSync(kShots, { recursive: true });

const tests = [];
const test = (name, body, { mockOnly = false } = {}) => tests.push({ name, body, mockOnly });

// A page whose console, requests and dialogs are watched.
async function visit({ width = 1280, height = 860, scheme = "light", at = url, expected = /$^/ } = {}) {
  const context = await browser.newContext({ viewport: { width, height }, colorScheme: scheme, acceptDownloads: true, reducedMotion: "reduce" });
  const page = await context.newPage();
  page.setDefaultTimeout(kWait);
  page.complaints = [];
  page.on("console", (line) => {
    if (["error", "warning"].includes(line.type()) && !expected.test(line.text())) page.complaints.push(line.text());
  });
  page.on("pageerror", (problem) => page.complaints.push(String(problem)));
  page.on("request", (request) => {
    const to = new URL(request.url());
    if (!["blob:", "data:"].includes(to.protocol) && to.origin !== new URL(at).origin) page.complaints.push("request to " + to.href);
  });
  await page.goto(at);
  await page.waitForSelector("#composer");
  return page;
}

async function leave(page) {
  assert.deepEqual(page.complaints, []);
  await page.context().close();
}

// Asked from outside, because a page of this policy may not evaluate text.
async function until(page, test, argument) {
  for (const end = Date.now() + kWait; !(await page.evaluate(test, argument)); await page.waitForTimeout(40)) {
    if (Date.now() > end) throw new Error(`waited in vain for ${test}`);
  }
}

const answers = (page) => page.locator("article.answered");
const finished = (page) => page.waitForSelector("button[aria-label=Send]");

async function say(page, text) {
  const before = await answers(page).count();
  await page.fill("#composer", text);
  await page.press("#composer", "Enter");
  await until(page, (count) => document.querySelectorAll("article.answered").length > count, before);
}

async function sayAndWait(page, text) {
  await say(page, text);
  await finished(page);
  return answers(page).last().innerText();
}

async function shot(page, name) {
  if (kShots) await page.screenshot({ path: join(kShots, name + ".png") });
}

async function accessible(page, where) {
  await page.evaluate(kAxe);
  const found = await page.evaluate(() => globalThis.axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"] }));
  const lines = found.violations.map((one) => `${one.id}: ${one.help}: ${one.nodes.slice(0, 3).map((node) => node.html.slice(0, 160)).join(" | ")}`);
  assert.deepEqual(lines, [], where);
}

async function fits(page, where) {
  const wide = await page.evaluate(() => [...document.querySelectorAll("html, body, .page, main, .scroll, .messages, .panel, .panel-body, .sidebar")]
    .filter((node) => node.scrollWidth > node.clientWidth + 1 && !node.inert).map((node) => `${node.className || node.nodeName} ${node.scrollWidth}>${node.clientWidth}`));
  assert.deepEqual(wide, [], `${where} scrolls sideways`);
}

test("sends, streams and shows numbers", async () => {
  const page = await visit();
  await say(page, kMock ? "slow please" : "Tell me a long story about a lighthouse.");
  const lengths = [];
  const grows = () => new Set(lengths).size > 1;         // a real model may be quick, or busy
  for (let turn = 0; turn < (kMock ? 4 : 250) && (kMock || !grows()); ++turn) {
    await page.waitForTimeout(kMock ? 250 : 40);
    lengths.push((await answers(page).last().innerText()).length);
  }
  assert.ok(new Set(lengths).size >= (kMock ? 3 : 2), `the answer should grow: ${lengths}`);
  await page.locator("button[aria-label=Stop]").click({ timeout: kMock ? 30000 : 2000 }).catch((error) => {
    if (kMock) throw error;                              // a real model's answer may have ended before
  });
  await finished(page);
  const stopped = await answers(page).last().innerText();
  if (kMock || /Stopped by you/.test(stopped)) {
    assert.match(stopped, /Stopped by you/);
    await page.waitForTimeout(600);
    assert.equal(await answers(page).last().innerText(), stopped);
  }
  await page.waitForSelector(".live");
  assert.match(await page.innerText(".status"), /stays on this device|open to others/);
  assert.match(await page.innerText(".status"), /tok\/s[\s\S]*[MG]B/);
  await leave(page);
});

test("answers again, edits, and steps through versions", async () => {
  const page = await visit();
  await sayAndWait(page, "Name a color.");
  await page.click("button[aria-label='Answer again']");
  await finished(page);
  await page.waitForSelector(".answered .siblings");
  assert.match(await answers(page).last().innerText(), /2\/2/);
  await answers(page).last().getByLabel("Earlier version").click();
  await until(page, () => document.querySelector(".answered .siblings")?.textContent.includes("1/2"));
  await page.locator("article.said").last().hover();
  await page.click("button[aria-label=Edit]");
  await page.fill("[aria-label='Edit your message']", "Name an animal.");
  await page.keyboard.press("Enter");
  await page.waitForSelector(".said .siblings");
  await finished(page);
  assert.match(await page.locator("article.said").innerText(), /Name an animal\.[\s\S]*2\/2/);
  await page.locator("article.said").getByLabel("Earlier version").click();
  await until(page, () => document.querySelector("article.said").textContent.includes("Name a color."));
  await leave(page);
});

test("keeps history over a reload", async () => {
  const page = await visit();
  const answer = await sayAndWait(page, "First chat");
  await page.click(".new-chat");
  await sayAndWait(page, "Second chat");
  await page.reload();
  await page.waitForSelector("article.answered");
  assert.match(await page.innerText(".messages"), /Second chat/);
  await page.getByRole("link", { name: "First chat" }).click();
  await until(page, () => document.querySelector(".bubble")?.textContent === "First chat");
  assert.ok((await answers(page).last().innerText()).startsWith(answer.split("\n")[0]));
  await page.goBack();
  await until(page, () => document.querySelector(".bubble")?.textContent === "Second chat");
  await leave(page);
});

test("exports, deletes, imports and renames", async () => {
  const page = await visit();
  await sayAndWait(page, "Precious words");
  const [download] = await Promise.all([page.waitForEvent("download"), page.click("[aria-label='Export all chats']")]);
  const file = await download.path();
  const written = JSON.parse(readFileSync(file, "utf8"));
  assert.equal(written.format, "hearth-conversations");
  assert.equal(written.conversations.length, 1);
  await page.click("[aria-label='More about “Precious words”']");
  await page.getByRole("menuitem", { name: "Delete" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
  await page.waitForSelector(".welcome");
  await page.reload();
  await page.waitForSelector(".hint");
  assert.equal(await page.locator(".item").count(), 0);
  await page.setInputFiles("#import-file", { name: "chats.json", mimeType: "application/json", buffer: readFileSync(file) });
  await page.getByRole("link", { name: "Precious words" }).click();
  await page.waitForSelector("article.answered");
  await page.setInputFiles("#import-file", { name: "x.json", mimeType: "application/json", buffer: Buffer.from("{}") });
  await page.getByText("This file was not exported by Hearth.").waitFor();
  await page.click("[aria-label='More about “Precious words”']");
  await page.getByRole("menuitem", { name: "Rename" }).click();
  await page.getByRole("dialog").getByLabel("Title").fill("Better words");
  await page.keyboard.press("Enter");
  await page.getByRole("link", { name: "Better words" }).waitFor();
  await page.click("[aria-label='Delete all chats']");
  await page.getByRole("dialog").getByRole("button", { name: "Delete all" }).click();
  await page.waitForSelector(".hint");
  await leave(page);
});

test("settings travel with the request", async () => {
  const page = await visit();
  await page.click("#settings");
  await page.fill("#system", "Be kind.");
  await page.fill("#max_tokens", "24");
  await page.locator("#temperature").fill("0.3");
  await page.fill("#seed", "7");
  await page.press("#seed", "Tab");
  await page.click("#tab-output");
  await page.getByText("JSON that always fits your schema.").click();
  await page.getByRole("button", { name: "Start from an example" }).click();
  const [request] = await Promise.all([page.waitForRequest(/chat\/completions/), say(page, "A book, please")]);
  const body = request.postDataJSON();
  assert.deepEqual(body.messages[0], { role: "system", content: "Be kind." });
  assert.deepEqual([body.max_tokens, body.temperature, body.seed, body.stream], [24, 0.3, 7, true]);
  assert.equal(body.response_format.json_schema.schema.type, "object");
  assert.equal(await page.locator(".chip").count(), 2);
  await finished(page);
  await page.fill("#structure", "{ broken");
  await page.getByText("The schema is not JSON").waitFor();
  for (const [label, field] of [["Text that matches as a whole.", "regex"], ["GBNF rules, from root on.", "grammar"]]) {
    await page.getByText(label).click();
    await page.getByRole("button", { name: "Start from an example" }).click();
    const [next] = await Promise.all([page.waitForRequest(/chat\/completions/), say(page, "again " + field)]);
    assert.equal(typeof next.postDataJSON()[field], "string");
    await finished(page);
  }
  await leave(page);
});

test("shows tool calls and takes their results", async () => {
  const page = await visit();
  await page.click("#settings");
  await page.click("#tab-tools");
  await page.getByRole("button", { name: "Start from an example" }).click();
  assert.match(await page.innerText(".tool-list"), /get_weather/);
  await say(page, "What is the weather in Bergen?");
  await page.waitForSelector(".call textarea");
  assert.match(await page.innerText(".call pre"), /"city": "Bergen"/);
  await shot(page, "tools-wide");
  await page.fill(".call textarea", '{"rain": true}');
  await page.getByRole("button", { name: "Send result" }).click();
  await page.locator(".prose", { hasText: "The tool says" }).waitFor();
  await finished(page);
  assert.equal(await page.locator(".call textarea").count(), 0);
  await leave(page);
}, { mockOnly: true });

test("draws code, math and tables; hostile output does nothing", async () => {
  const page = await visit();
  await sayAndWait(page, "newton");
  assert.ok((await page.locator(".katex").count()) >= 2);
  assert.ok((await page.locator(".hljs-keyword").count()) >= 3);
  assert.equal(await page.locator(".prose table").count(), 1);
  assert.ok(await page.evaluate(() => document.fonts.check("16px KaTeX_Main")));
  await sayAndWait(page, "hostile");
  await page.waitForTimeout(300);
  assert.equal(await page.evaluate(() => globalThis.pwned), undefined);
  assert.equal(await page.locator(".prose img, .prose script").count(), 0);
  await fits(page, "hostile output");
  await leave(page);
}, { mockOnly: true });

test("says what went wrong and tries again", async () => {
  const page = await visit({ expected: /503|ERR_/ });
  await sayAndWait(page, "fail");
  assert.match(await page.innerText(".note.failed"), /out of memory: 12 pages wanted/);
  await page.getByRole("button", { name: "Try again" }).click();
  await finished(page);
  await page.route("**/v1/chat/completions", (route) => route.fulfill({
    status: 503, contentType: "application/json", body: '{"error":{"message":"the queue is full"}}',
  }));
  await sayAndWait(page, "busy");
  assert.match(await page.locator(".note.failed").last().innerText(), /the queue is full/);
  await page.unroute("**/v1/chat/completions");
  await page.route("**/*", (route) => route.abort());
  await sayAndWait(page, "gone");
  assert.match(await page.locator(".note.failed").last().innerText(), /cannot be reached/);
  await leave(page);
}, { mockOnly: true });

test("asks for the key", async () => {
  const guarded = await serve({ port: 0, key: "sesame" });
  const page = await visit({ at: guarded.url, expected: /401/ });
  await page.getByRole("dialog").getByLabel("Key").fill("wrong");
  await page.keyboard.press("Enter");
  await page.getByText("does not accept this key").waitFor();
  await page.getByRole("dialog").getByLabel("Key").fill("sesame");
  await page.keyboard.press("Enter");
  await until(page, () => !document.querySelector("dialog"));
  await sayAndWait(page, "Open");
  await page.reload();
  await page.waitForSelector("article.answered");
  await page.waitForSelector(".live");
  assert.equal(await page.locator("dialog").count(), 0);
  await leave(page);
  guarded.close();
}, { mockOnly: true });

test("works by keyboard alone", async () => {
  const page = await visit();
  await until(page, () => document.activeElement?.matches("textarea"));         // the page puts the focus there itself
  await page.keyboard.type("Typed without a mouse");
  await page.keyboard.press("Enter");
  await page.waitForSelector("article.answered");
  await finished(page);
  const reached = new Set();
  for (let step = 0; step < 40; ++step) {
    await page.keyboard.press("Tab");
    reached.add(await page.evaluate(() => {
      const node = document.activeElement;
      return node.getAttribute("aria-label") ?? node.textContent.trim() ?? node.id;
    }));
  }
  for (const name of ["New chat", "Typed without a mouse", "Settings", "Copy", "Answer again", "Message"]) assert.ok(reached.has(name), `Tab reaches ${name}: ${[...reached]}`);
  await page.focus("[aria-label='More about “Typed without a mouse”']");
  await page.keyboard.press("Enter");
  await page.waitForSelector("[role=menu]");
  await page.keyboard.press("ArrowDown");
  assert.equal(await page.evaluate(() => document.activeElement.textContent), "Export");
  await page.keyboard.press("Escape");
  assert.equal(await page.locator("[role=menu]").count(), 0);
  await page.focus("#settings");
  await page.keyboard.press("Enter");
  await page.focus("#tab-model");
  await page.keyboard.press("ArrowRight");
  assert.equal(await page.evaluate(() => document.activeElement.id), "tab-output");
  await page.keyboard.press("Escape");
  await until(page, () => document.activeElement.id === "settings");
  await page.keyboard.press("/");
  await until(page, () => document.activeElement.id === "composer");
  await leave(page);
});

test("colors follow the device and the choice", async () => {
  const page = await visit({ scheme: "dark" });
  const paper = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const dark = await paper();
  await page.getByLabel("Light", { exact: true }).check({ force: true });
  const light = await paper();
  assert.notEqual(dark, light);
  await page.reload();
  await page.waitForSelector("#composer");
  assert.equal(await paper(), light);
  await page.getByLabel("As the system").check({ force: true });
  assert.equal(await paper(), dark);
  await page.emulateMedia({ colorScheme: "light" });
  await until(page, (color) => getComputedStyle(document.body).backgroundColor === color, light);
  await leave(page);
});

for (const [width, height, name] of [[1280, 860, "wide"], [390, 844, "narrow"]]) {
  for (const scheme of ["light", "dark"]) {
    test(`looks right: ${name}, ${scheme}`, async () => {
      const page = await visit({ width, height, scheme });
      await page.waitForSelector(".live");
      await shot(page, `empty-${name}-${scheme}`);
      await accessible(page, "empty page");
      await fits(page, "empty page");
      await sayAndWait(page, "Explain Newton's method with code and a formula");
      await accessible(page, "conversation");
      await fits(page, "conversation");
      await shot(page, `chat-end-${name}-${scheme}`);
      await page.evaluate(() => { document.querySelector(".scroll").scrollTop = 0; });
      await page.waitForTimeout(150);
      await shot(page, `chat-${name}-${scheme}`);
      await page.click("#settings");
      for (const tab of ["model", "output", "tools", "traces"]) {
        await page.click("#tab-" + tab);
        if (tab === "traces") await page.locator(".trace button").first().click();
        await page.waitForTimeout(200);
        await accessible(page, tab + " tab");
        await fits(page, tab + " tab");
        await shot(page, `${tab}-${name}-${scheme}`);
      }
      await page.click("[aria-label='Close settings']");
      if (name === "narrow") {
        await page.click("button[aria-label=Chats]");
        await page.waitForTimeout(300);
        await accessible(page, "list");
        await shot(page, `list-${name}-${scheme}`);
        await page.keyboard.press("Escape");
        await until(page, () => document.activeElement.id === "chats");
      }
      await leave(page);
    });
  }
}

let failed = 0;
for (const { name, body, mockOnly } of tests) {
  if (mockOnly && !kMock || !name.includes(option("--only"))) continue;
  const started = Date.now();
  try {
    await body();
    console.log(`ok   ${name} (${Date.now() - started} ms)`);
  } catch (problem) {
    failed += 1;
    console.log(`FAIL ${name}\n${problem.stack ?? problem}`);
  }
}
await browser.close();
mock?.close();
console.log(failed === 0 ? "the page works" : `${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
