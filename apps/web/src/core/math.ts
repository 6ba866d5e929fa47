// Math in markdown: $x$, \(x\) within a line, $$x$$ and \[x\] as blocks; KaTeX draws it without trusting it.
import katex from "katex";
import type MarkdownIt from "markdown-it";
import { escapeHtml } from "./highlight";

const kMostMath = 5000;

export function renderMath(source: string, display: boolean): string {
  if (source.length > kMostMath) return `<code>${escapeHtml(source)}</code>`;
  try {
    return katex.renderToString(source, {
      displayMode: display, throwOnError: false, trust: false, strict: "ignore", maxSize: 20, maxExpand: 500,
      errorColor: "var(--faint)", output: "htmlAndMathml",
    });
  } catch {
    return `<code>${escapeHtml(source)}</code>`;
  }
}

// "$5 and $6" is money: an opening dollar touches what follows, a closing one what precedes and no digit after it.
function dollarEnd(text: string, from: number): number {
  if (/\s/.test(text[from] ?? " ")) return -1;
  for (let at = from; at < text.length; ++at) {
    if (text[at] === "\\") ++at;
    else if (text[at] === "$") return /\s/.test(text[at - 1]!) || /\d/.test(text[at + 1] ?? "") ? -1 : at;
  }
  return -1;
}

// The opening at `at`: how long it is, and what closes it.
function opening(text: string, at: number): { open: string; close: string } | null {
  if (text.startsWith("$$", at)) return { open: "$$", close: "$$" };
  if (text[at] === "$") return { open: "$", close: "$" };
  if (text.startsWith("\\(", at)) return { open: "\\(", close: "\\)" };
  if (text.startsWith("\\[", at)) return { open: "\\[", close: "\\]" };
  return null;
}

function inlineRule(md: MarkdownIt): void {
  md.inline.ruler.before("escape", "math", (state, silent) => {
    const found = opening(state.src, state.pos);
    if (!found) return false;
    const from = state.pos + found.open.length;
    const end = found.open === "$" ? dollarEnd(state.src, from) : state.src.indexOf(found.close, from);
    if (end <= from || end > state.posMax) return false;
    if (!silent) {
      const token = state.push("math", "math", 0);
      token.content = state.src.slice(from, end);
      token.meta = { display: found.open === "$$" || found.open === "\\[" };
    }
    state.pos = end + found.close.length;
    return true;
  });
}

function blockRule(md: MarkdownIt): void {
  md.block.ruler.before("fence", "math_block", (state, start, last, silent) => {
    const at = state.bMarks[start]! + state.tShift[start]!;
    const found = opening(state.src, at);
    if (!found || found.open === "$" || found.open === "\\(") return false;
    let line = start;
    let content = "";
    for (; line < last; ++line) {
      const from = line === start ? at + 2 : state.bMarks[line]! + state.tShift[line]!;
      const text = state.src.slice(from, state.eMarks[line]);
      const end = text.indexOf(found.close);
      if (end >= 0 && text.slice(end + 2).trim() !== "") return false;
      content += (end >= 0 ? text.slice(0, end) : text) + "\n";
      if (end >= 0) break;
      if (text.trim() === "" && line > start) return false;
    }
    if (line >= last || content.trim() === "") return false;
    if (silent) return true;
    const token = state.push("math", "math", 0);
    token.block = true;
    token.content = content.trim();
    token.map = [start, line + 1];
    token.meta = { display: true };
    state.line = line + 1;
    return true;
  }, { alt: ["paragraph", "reference", "blockquote", "list"] });
}

export function mathPlugin(md: MarkdownIt): void {
  inlineRule(md);
  blockRule(md);
  md.renderer.rules["math"] = (tokens, at) => {
    const token = tokens[at]!;
    const html = renderMath(token.content, Boolean((token.meta as { display: boolean }).display));
    return token.block ? `<p class="math">${html}</p>\n` : html;
  };
}
