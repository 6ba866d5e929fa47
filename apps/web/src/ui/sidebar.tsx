// The list of conversations: a column on wide screens, a drawer on narrow ones.
import type { JSX } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { exportChats, focusOn, importChats, newChat, open, remove, removeAll, rename } from "../actions";
import { dayGroup } from "../core/format";
import { current, runs, setTheme, sidebarOpen, summaries, theme, type Summary, type Theme } from "../state";
import { Flame, Icon, type IconName } from "./icons";
import { useWide } from "./wide";

function ItemMenu({ id, title }: { id: string; title: string }): JSX.Element {
  const [shown, setShown] = useState(false);
  const box = useRef<HTMLDivElement>(null);
  const close = () => {
    setShown(false);
    box.current?.querySelector("button")?.focus();
  };
  useLayoutEffect(() => {
    if (!shown) return;
    box.current?.querySelector<HTMLElement>("[role=menuitem]")?.focus();
    const away = (event: Event) => {
      if (!box.current?.contains(event.target as Node)) setShown(false);
    };
    document.addEventListener("pointerdown", away);
    return () => document.removeEventListener("pointerdown", away);
  }, [shown]);
  const keys = (event: KeyboardEvent) => {
    if (!shown) return;
    const items = [...(box.current?.querySelectorAll<HTMLElement>("[role=menuitem]") ?? [])];
    const at = items.indexOf(document.activeElement as HTMLElement);
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key as "ArrowDown"];
    if (step) items[(at + step + items.length) % items.length]?.focus();
    else if (event.key === "Escape") close();
    else if (event.key === "Tab") setShown(false);
    else return;
    if (event.key !== "Tab") event.preventDefault();
    event.stopPropagation();
  };
  const item = (name: IconName, label: string, act: () => void) => (
    <button type="button" role="menuitem" tabIndex={-1} onClick={() => { close(); act(); }}><Icon name={name} size={16} />{label}</button>
  );
  return (
    <div class="item-menu" ref={box} onKeyDown={keys}>
      <button type="button" class="quiet" aria-haspopup="menu" aria-expanded={shown} aria-label={`More about “${title}”`}
        onClick={() => setShown(!shown)}><Icon name="more" /></button>
      {shown && (
        <div role="menu" class="menu" aria-label="Chat">
          {item("edit", "Rename", () => void rename(id))}
          {item("save", "Export", () => exportChats(id))}
          {item("trash", "Delete", () => void remove(id))}
        </div>
      )}
    </div>
  );
}

function Item({ item }: { item: Summary }): JSX.Element {
  const here = current.value.id === item.id;
  return (
    <li class={here ? "item here" : "item"}>
      <a href={"#" + item.id} aria-current={here ? "page" : undefined}
        onClick={(event) => { event.preventDefault(); open(item.id); }}>
        <span class="item-title">{item.title}</span>
        {runs.value[item.id] && <span class="pulse"><span class="sr">answering</span></span>}
      </a>
      <ItemMenu id={item.id} title={item.title} />
    </li>
  );
}

function List(): JSX.Element {
  const now = Date.now();
  const groups = new Map<string, Summary[]>();
  for (const item of summaries.value) {
    const name = dayGroup(item.updated, now);
    groups.set(name, [...(groups.get(name) ?? []), item]);
  }
  if (groups.size === 0) return <p class="hint">Your chats will be listed here. They are kept in this browser only.</p>;
  return (
    <>
      {[...groups].map(([name, items]) => (
        <section key={name} aria-label={name}>
          <h2>{name}</h2>
          <ul>
            {items.map((item) => <Item key={item.id} item={item} />)}
          </ul>
        </section>
      ))}
    </>
  );
}

const kThemes: { name: Theme; icon: IconName; label: string }[] = [
  { name: "light", icon: "sun", label: "Light" },
  { name: "dark", icon: "moon", label: "Dark" },
  { name: "system", icon: "auto", label: "As the system" },
];

function Foot(): JSX.Element {
  const file = useRef<HTMLInputElement>(null);
  const take = (event: Event) => {
    const input = event.currentTarget as HTMLInputElement;
    if (input.files?.[0]) void importChats(input.files[0]);
    input.value = "";
  };
  const some = summaries.value.length > 0;
  return (
    <div class="side-foot">
      <div class="row">
        <button type="button" class="quiet" onClick={() => exportChats()} disabled={!some} title="Export all chats" aria-label="Export all chats"><Icon name="save" /></button>
        <button type="button" class="quiet" onClick={() => file.current?.click()} title="Import chats" aria-label="Import chats"><Icon name="load" /></button>
        <button type="button" class="quiet" onClick={() => void removeAll()} disabled={!some} title="Delete all chats" aria-label="Delete all chats"><Icon name="trash" /></button>
        <input ref={file} id="import-file" type="file" accept=".json,application/json" hidden onChange={take} />
      </div>
      <div class="row themes" role="radiogroup" aria-label="Colors">
        {kThemes.map(({ name, icon, label }) => (
          <label key={name} class={theme.value === name ? "quiet on" : "quiet"} title={label}>
            <input class="sr" type="radio" name="theme" value={name} checked={theme.value === name} onChange={() => setTheme(name)} />
            <Icon name={icon} /><span class="sr">{label}</span>
          </label>
        ))}
      </div>
    </div>
  );
}

export function Sidebar(): JSX.Element {
  const wide = useWide(900);
  const shown = wide || sidebarOpen.value;
  const box = useRef<HTMLElement>(null);
  useEffect(() => {
    if (!wide && shown) box.current?.querySelector<HTMLElement>(".new-chat")?.focus();
  }, [wide, shown]);
  const close = () => {
    sidebarOpen.value = false;
    focusOn("chats");
  };
  const keys = (event: KeyboardEvent) => {
    if (event.key === "Escape" && !wide) close();
  };
  return (
    <>
      {!wide && shown && <div class="shade" onClick={close} />}
      <nav ref={box} class={shown ? "sidebar shown" : "sidebar"} aria-label="Chats" inert={!shown} onKeyDown={keys}>
        <div class="brand">
          <Flame size={26} /><span>Hearth</span>
          {!wide && <button type="button" class="quiet" aria-label="Close the list" onClick={close}><Icon name="close" /></button>}
        </div>
        <button type="button" class="new-chat" onClick={newChat}><Icon name="plus" />New chat</button>
        <div class="list"><List /></div>
        <Foot />
      </nav>
    </>
  );
}
