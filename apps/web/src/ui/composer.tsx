// Where a person writes; below it what is true of this device right now.
import type { JSX } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { send, stop } from "../actions";
import { bytes, rate } from "../core/format";
import { parseTools } from "../core/request";
import { current, onThisDevice, panelOpen, path, reachable, running, status, tab, type Tab } from "../state";
import { Icon, type IconName } from "./icons";

function Chip({ icon, label, to }: { icon: IconName; label: string; to: Tab }): JSX.Element {
  const open = () => {
    tab.value = to;
    panelOpen.value = true;
  };
  return <button type="button" class="chip" onClick={open}><Icon name={icon} size={14} />{label}</button>;
}

const kOutputs = { json_object: "JSON", json_schema: "JSON Schema", regex: "Regex", grammar: "Grammar" };

// What shapes the answers beside the words, so that nothing is on unseen.
function Chips(): JSX.Element {
  const { system, output, tools } = current.value.setup;
  const parsed = tools.on ? parseTools(tools.definitions) : null;
  const number = parsed?.ok ? parsed.value.length : 0;
  return (
    <div class="chips">
      {system.trim() !== "" && <Chip icon="quote" label="System prompt" to="model" />}
      {output.kind !== "text" && <Chip icon="braces" label={kOutputs[output.kind]} to="output" />}
      {number > 0 && <Chip icon="tool" label={number === 1 ? "1 tool" : `${number} tools`} to="tools" />}
    </div>
  );
}

function liveRate(): string {
  const run = running.value;
  if (run && run.first > 0 && run.pieces > 1) return rate((run.pieces - 1) / Math.max(0.001, (performance.now() - run.first) / 1000));
  const now = status.value?.tokens_per_s.generated ?? 0;
  if (now > 0) return rate(now);
  return rate(path.value.at(-1)?.timings?.predicted_per_second ?? 0);
}

// True only where it is: a page that was opened over the network says where its words go.
function whereabouts(): string {
  const network = status.value?.network ?? "this device only";
  if (!onThisDevice()) return `Your words go to ${location.host} and no further`;
  return network === "this device only" ? "Everything stays on this device" : `Runs on this device; open to others at ${network}`;
}

function StatusLine(): JSX.Element {
  const now = status.value;
  return (
    <div class="status">
      <span class="private"><Icon name="home" size={15} />{whereabouts()}</span>
      {!reachable.value && <span class="gone" role="alert">The server cannot be reached</span>}
      {reachable.value && now && (
        <span class="live">
          <span><b>{liveRate()}</b> tok/s</span>
          <span title="Memory in use, and the budget"><b>{bytes(now.memory.resident_bytes)}</b>{now.memory.budget_bytes > 0 && <span class="budget"> of {bytes(now.memory.budget_bytes)}</span>}</span>
        </span>
      )}
    </div>
  );
}

const drafts = new Map<string, string>();

export function Composer(): JSX.Element {
  const id = current.value.id;
  const area = useRef<HTMLTextAreaElement>(null);
  const [text, setText] = useState("");
  const busy = running.value !== null;
  useEffect(() => setText(drafts.get(id) ?? ""), [id]);
  useLayoutEffect(() => {
    const node = area.current!;
    node.style.height = "auto";
    node.style.height = Math.min(node.scrollHeight, window.innerHeight * 0.4) + "px";
  }, [text]);
  const write = (next: string) => {
    drafts.set(id, next);
    setText(next);
  };
  const submit = (event?: Event) => {
    event?.preventDefault();
    if (busy || text.trim() === "") return;
    const said = text;
    write("");
    send(said);
  };
  const keys = (event: KeyboardEvent) => {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) submit(event);
    if (event.key === "Escape" && busy) stop();
  };
  return (
    <div class="composer-wrap">
      <form class="composer" onSubmit={submit}>
        <textarea id="composer" ref={area} rows={1} value={text} placeholder="Write a message" aria-label="Message"
          onInput={(event) => write(event.currentTarget.value)} onKeyDown={keys} />
        <div class="composer-foot">
          <Chips />
          {busy
            ? <button type="button" class="send" aria-label="Stop" title="Stop (Esc)" onClick={stop}><span class="square" /></button>
            : <button type="submit" class="send" aria-label="Send" title="Send (Enter)" disabled={text.trim() === ""}><Icon name="up" size={20} /></button>}
        </div>
      </form>
      <StatusLine />
    </div>
  );
}
