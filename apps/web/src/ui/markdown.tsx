// An answer's markdown on the page. Every block passes the sanitizer before it becomes HTML.
import type { JSX } from "preact";
import { useLayoutEffect, useMemo, useRef } from "preact/hooks";
import { markdownBlocks } from "../core/markdown";
import { makeSanitizer } from "../core/sanitize";
import { memo } from "./memo";

const sanitize = makeSanitizer(window);

const Block = memo(function Block({ html }: { html: string }): JSX.Element {
  const box = useRef<HTMLDivElement>(null);
  // What scrolls sideways can be reached and scrolled by keyboard.
  useLayoutEffect(() => {
    for (const node of box.current?.querySelectorAll<HTMLElement>("pre, .table, .math") ?? []) {
      if (node.nodeName === "PRE" || node.scrollWidth > node.clientWidth) node.tabIndex = 0;
    }
  }, [html]);
  return <div ref={box} class="block" dangerouslySetInnerHTML={{ __html: sanitize(html) }} />;
});

async function copyCode(event: MouseEvent): Promise<void> {
  const button = (event.target as Element).closest<HTMLButtonElement>(".copy-code");
  const code = button?.closest(".code")?.querySelector("code")?.textContent;
  if (!button || code == null) return;
  button.textContent = (await copyText(code)) ? "Copied" : "Not allowed";
  setTimeout(() => (button.textContent = "Copy"), 1500);
}

export async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copyBySelection(text);
  }
}

// Pages of another device without TLS have no clipboard interface; the old way still works there.
function copyBySelection(text: string): boolean {
  const area = document.createElement("textarea");
  area.value = text;
  area.className = "sr";
  document.body.append(area);
  area.select();
  const copied = document.execCommand("copy");
  area.remove();
  return copied;
}

export function Markdown({ source }: { source: string }): JSX.Element {
  const blocks = useMemo(() => markdownBlocks(source), [source]);
  return (
    <div class="prose" onClick={(event) => void copyCode(event as unknown as MouseEvent)}>
      {blocks.map((html, at) => <Block key={at} html={html} />)}
    </div>
  );
}
