// One message: what was said or answered, and what can be done with it.
import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { choose, edit, regenerate } from "../actions";
import { count, duration, rate } from "../core/format";
import type { Message } from "../core/types";
import { Icon, type IconName } from "./icons";
import { copyText, Markdown } from "./markdown";
import { memo } from "./memo";
import { Calls } from "./calls";

export interface Shown {
  message: Message;
  siblings: Message[];
  results: Message[];                    // of this answer's tool calls
  live: boolean;                         // being written now
  busy: boolean;                         // the conversation is
  last: boolean;
}

function Action({ icon, label, act, disabled }: { icon: IconName; label: string; act: () => void; disabled?: boolean }): JSX.Element {
  return (
    <button type="button" class="quiet" title={label} aria-label={label} onClick={act} disabled={disabled ?? false}>
      <Icon name={icon} size={16} />
    </button>
  );
}

function CopyAction({ text }: { text: string }): JSX.Element {
  const [done, setDone] = useState(false);
  const act = async () => {
    setDone(await copyText(text));
    setTimeout(() => setDone(false), 1500);
  };
  return <Action icon={done ? "check" : "copy"} label={done ? "Copied" : "Copy"} act={() => void act()} />;
}

function Siblings({ message, siblings, busy }: Shown): JSX.Element | null {
  if (siblings.length < 2) return null;
  const at = siblings.findIndex((sibling) => sibling.id === message.id);
  const go = (step: number) => () => choose(siblings[at + step]!);
  return (
    <span class="siblings" role="group" aria-label="Versions">
      <Action icon="left" label="Earlier version" act={go(-1)} disabled={busy || at === 0} />
      <span><span class="sr">Version </span>{at + 1}/{siblings.length}</span>
      <Action icon="right" label="Later version" act={go(1)} disabled={busy || at === siblings.length - 1} />
    </span>
  );
}

function Editor({ message, close }: { message: Message; close: () => void }): JSX.Element {
  const area = useRef<HTMLTextAreaElement>(null);
  const [text, setText] = useState(message.content);
  useEffect(() => {
    area.current?.focus();
    area.current?.setSelectionRange(text.length, text.length);
  }, []);
  const commit = () => {
    if (text.trim() === "") return;
    close();
    edit(message, text);
  };
  const keys = (event: KeyboardEvent) => {
    if (event.key === "Escape") close();
    else if (event.key === "Enter" && !event.shiftKey && !event.isComposing) commit();
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  return (
    <div class="editor">
      <textarea ref={area} aria-label="Edit your message" value={text} rows={Math.min(12, text.split("\n").length + 1)}
        onInput={(event) => setText(event.currentTarget.value)} onKeyDown={keys} />
      <div class="row end">
        <button type="button" class="plain" onClick={close}>Cancel</button>
        <button type="button" class="primary" onClick={commit} disabled={text.trim() === ""}>Send</button>
      </div>
    </div>
  );
}

function Said(shown: Shown): JSX.Element {
  const { message, busy } = shown;
  const [editing, setEditing] = useState(false);
  if (editing) return <article class="said editing"><h2 class="sr">You</h2><Editor message={message} close={() => setEditing(false)} /></article>;
  return (
    <article class={shown.last ? "said last" : "said"}>
      <h2 class="sr">You</h2>
      <div class="bubble">{message.content}</div>
      <div class="actions">
        <Siblings {...shown} />
        <CopyAction text={message.content} />
        <Action icon="edit" label="Edit" act={() => setEditing(true)} disabled={busy} />
      </div>
    </article>
  );
}

function Thinking({ text, live }: { text: string; live: boolean }): JSX.Element {
  return (
    <details class="thinking">
      <summary>{live ? "Thinking…" : "Thoughts"}</summary>
      <div class="thoughts">{text}</div>
    </details>
  );
}

const kNotes: Record<string, string> = {
  stopped: "Stopped by you.",
  length: "The answer reached its length limit.",
  interrupted: "This answer was interrupted.",
  content_filter: "The answer was cut by a filter.",
};

function Note({ message, busy }: Shown): JSX.Element | null {
  const text = message.error ?? kNotes[message.finish ?? ""];
  if (!text) return null;
  const failed = message.finish === "error";
  return (
    <div class={failed ? "note failed" : "note"} role={failed ? "alert" : undefined}>
      <span>{text}</span>
      {failed && <button type="button" class="plain" onClick={() => regenerate(message)} disabled={busy}>Try again</button>}
    </div>
  );
}

function Numbers({ message }: { message: Message }): JSX.Element | null {
  const { timings } = message;
  if (!timings || timings.predicted_n === 0) return null;
  const title = `${count(timings.prompt_n)} prompt tokens (${count(timings.cached_n)} cached) in ${duration(timings.prompt_ms)}, ` +
    `${count(timings.predicted_n)} tokens in ${duration(timings.predicted_ms)}, by ${message.model ?? "the model"}`;
  return (
    <span class="numbers" title={title}>
      {rate(timings.predicted_per_second)} tok/s · {count(timings.predicted_n)} tokens
    </span>
  );
}

function Answered(shown: Shown): JSX.Element {
  const { message, live, busy } = shown;
  const waiting = live && message.content === "" && !message.reasoning && !message.toolCalls;
  return (
    <article class={shown.last ? "answered last" : "answered"} aria-busy={live}>
      <h2 class="sr">{message.model || "The model"}</h2>
      {message.reasoning && <Thinking text={message.reasoning} live={live && message.content === ""} />}
      {waiting && <div class="waiting" aria-hidden="true"><i /><i /><i /></div>}
      {message.content !== "" && <div class={live ? "growing" : ""}><Markdown source={message.content} /></div>}
      {message.toolCalls && <Calls message={message} results={shown.results} live={live} busy={busy} />}
      {!live && <Note {...shown} />}
      {!live && (
        <div class="actions">
          <Siblings {...shown} />
          {message.content !== "" && <CopyAction text={message.content} />}
          <Action icon="again" label="Answer again" act={() => regenerate(message)} disabled={busy} />
          <Numbers message={message} />
        </div>
      )}
    </article>
  );
}

export const MessageView = memo(function MessageView(shown: Shown): JSX.Element {
  return shown.message.role === "user" ? <Said {...shown} /> : <Answered {...shown} />;
});
