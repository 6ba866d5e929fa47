// Markdown to blocks of HTML: a growing answer changes only its last blocks, so the others are not drawn again.
import MarkdownIt from "markdown-it";
import type { Options, Renderer, Token } from "markdown-it";
import { escapeHtml, highlight } from "./highlight";
import { mathPlugin } from "./math";

const md = new MarkdownIt({ html: false, linkify: true, breaks: false, typographer: false });
md.linkify.set({ fuzzyLink: false, fuzzyEmail: false });
md.use(mathPlugin);

md.renderer.rules["fence"] = (tokens, at) => codeBlock(tokens[at]!.content, tokens[at]!.info.trim().split(/\s+/)[0] ?? "");
md.renderer.rules["code_block"] = (tokens, at) => codeBlock(tokens[at]!.content, "");
md.renderer.rules["table_open"] = () => '<div class="table"><table>\n';
md.renderer.rules["table_close"] = () => "</table></div>\n";
md.renderer.rules["image"] = picture;

// The page's own headings are h1 and h2: the answer's first becomes h3, the others keep their distance to it.
function lowerHeadings(tokens: Token[]): void {
  let first = 0;
  for (const token of tokens) {
    if (!token.type.startsWith("heading_")) continue;
    const level = Number(token.tag.slice(1));
    first ||= level;
    token.tag = "h" + Math.min(6, Math.max(3, 3 + level - first));
  }
}

function codeBlock(code: string, info: string): string {
  const language = info.toLowerCase().replace(/[^\w+#.-]/g, "").slice(0, 30);
  const label = language === "" ? "text" : language;
  return `<div class="code"><div class="code-head"><span>${escapeHtml(label)}</span>` +
    `<button type="button" class="copy-code" aria-label="Copy code">Copy</button></div>` +
    `<pre><code class="hljs">${highlight(code, language)}</code></pre></div>\n`;
}

// Only pictures that carry their own bytes are shown; others become a link that a person may follow.
function picture(tokens: Token[], at: number, options: Options, env: unknown, self: Renderer): string {
  const token = tokens[at]!;
  const source = String(token.attrGet("src") ?? "");
  const label = self.renderInlineAsText(token.children ?? [], options, env) || "picture";
  if (/^data:image\//i.test(source)) return `<img src="${escapeHtml(source)}" alt="${escapeHtml(label)}">`;
  return `<a href="${escapeHtml(source)}">${escapeHtml(label)}</a>`;
}

// The HTML of each top-level block, not yet sanitized.
export function markdownBlocks(source: string): string[] {
  const env = {};
  const blocks: string[] = [];
  let open: Token[] = [];
  let depth = 0;
  const tokens = md.parse(source, env);
  lowerHeadings(tokens);
  for (const token of tokens) {
    open.push(token);
    depth += token.nesting;
    if (depth > 0) continue;
    const html = md.renderer.render(open, md.options, env);
    if (html.trim() !== "") blocks.push(html);
    open = [];
  }
  return blocks;
}
