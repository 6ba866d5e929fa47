// Questions that stop the page, and words that do not.
import type { ComponentChildren, JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { connect } from "../live";
import { needKey, question, spoken, toast } from "../state";

function Modal({ title, close, children }: { title: string; close: () => void; children: ComponentChildren }): JSX.Element {
  const box = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const node = box.current!;
    const before = document.activeElement;
    node.showModal();
    node.querySelector<HTMLElement>("input, .primary")?.focus();
    return () => {
      node.close();
      if (before instanceof HTMLElement && before.isConnected) before.focus();
    };
  }, []);
  const cancelled = (event: Event) => {
    event.preventDefault();
    close();
  };
  return (
    <dialog ref={box} aria-labelledby="modal-title" onCancel={cancelled}>
      <h2 id="modal-title">{title}</h2>
      {children}
    </dialog>
  );
}

function Ask(): JSX.Element | null {
  const asked = question.value;
  const [text, setText] = useState("");
  useEffect(() => setText(asked?.text ?? ""), [asked]);
  if (!asked) return null;
  const submit = (event: Event) => {
    event.preventDefault();
    asked.answer(asked.kind === "rename" ? text : "");
  };
  return (
    <Modal key={asked.title} title={asked.title} close={() => asked.answer(null)}>
      <form onSubmit={submit}>
        {asked.kind === "confirm"
          ? <p>{asked.text}</p>
          : <input type="text" aria-label="Title" value={text} maxLength={200} onInput={(event) => setText(event.currentTarget.value)} />}
        <div class="row end">
          <button type="button" class="plain" onClick={() => asked.answer(null)}>Cancel</button>
          <button type="submit" class={asked.kind === "confirm" ? "primary danger" : "primary"}>{asked.action}</button>
        </div>
      </form>
    </Modal>
  );
}

function Key(): JSX.Element | null {
  const [text, setText] = useState("");
  if (needKey.value === "") return null;
  const submit = (event: Event) => {
    event.preventDefault();
    void connect(text.trim());
  };
  return (
    <Modal title="This server asks for a key" close={() => (needKey.value = "")}>
      <form onSubmit={submit}>
        <p>It is the one given as <code>--api-key</code>. It is kept until this tab is closed.</p>
        <input type="password" aria-label="Key" autocomplete="off" value={text} aria-invalid={needKey.value === "wrong"} onInput={(event) => setText(event.currentTarget.value)} />
        {needKey.value === "wrong" && <p class="help problem" role="alert">The server does not accept this key.</p>}
        <div class="row end"><button type="submit" class="primary" disabled={text.trim() === ""}>Continue</button></div>
      </form>
    </Modal>
  );
}

function Toast(): JSX.Element {
  const text = toast.value;
  useEffect(() => {
    if (text === "") return;
    const timer = setTimeout(() => (toast.value = ""), 6000);
    return () => clearTimeout(timer);
  }, [text]);
  return <div class="toast-place" role="status">{text !== "" && <div class="toast">{text}</div>}</div>;
}

export function Dialogs(): JSX.Element {
  return (
    <>
      <Ask />
      <Key />
      <Toast />
      <div class="sr" aria-live="polite">{spoken.value}</div>
    </>
  );
}
