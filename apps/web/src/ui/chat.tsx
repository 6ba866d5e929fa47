// The conversation: its messages, kept at the newest while a person reads there.
import type { JSX } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { childrenOf } from "../core/tree";
import type { Message } from "../core/types";
import { current, onThisDevice, path, running } from "../state";
import { send } from "../actions";
import { Flame, Icon } from "./icons";
import { MessageView } from "./message";

const kIdeas = [
  "Explain how a heat pump works, simply",
  "Write a Python function that finds prime numbers",
  "Help me plan a quiet weekend at home",
];

function Welcome(): JSX.Element {
  return (
    <div class="welcome">
      <Flame size={44} />
      <h1>What is on your mind?</h1>
      <p>{onThisDevice() ? "Answers are made on your own machine." : `Answers are made on ${location.hostname}.`}</p>
      <div class="ideas">
        {kIdeas.map((idea) => <button key={idea} type="button" onClick={() => send(idea)}>{idea}</button>)}
      </div>
    </div>
  );
}

// Siblings and results as stable arrays, so that finished messages are not drawn again with every piece of the last one.
function useStable(key: string, list: Message[]): Message[] {
  const kept = useRef(new Map<string, Message[]>());
  const before = kept.current.get(key);
  if (before && before.length === list.length && before.every((item, at) => item.id === list[at]!.id)) return before;
  kept.current.set(key, list);
  return list;
}

function Row({ message, at }: { message: Message; at: number }): JSX.Element {
  const shown = path.value;
  const run = running.value;
  const results: Message[] = [];
  for (let next = at + 1; shown[next]?.role === "tool"; ++next) results.push(shown[next]!);
  const siblings = useStable("siblings", childrenOf(current.value, message.parent));
  const stable = useStable("results", results);
  const last = at + results.length === shown.length - 1;
  return <MessageView message={message} siblings={siblings} results={stable} live={run?.message === message.id} busy={run !== null} last={last} />;
}

function useFollow(): { box: { current: HTMLDivElement | null }; away: boolean; jump: () => void } {
  const box = useRef<HTMLDivElement>(null);
  const following = useRef(true);
  const [away, setAway] = useState(false);
  const id = current.value.id;
  const jump = () => {
    const node = box.current;
    if (node) node.scrollTop = node.scrollHeight;
  };
  useEffect(() => {
    const node = box.current!;
    const scrolled = () => {
      following.current = node.scrollHeight - node.scrollTop - node.clientHeight < 60;
      setAway(!following.current);
    };
    node.addEventListener("scroll", scrolled, { passive: true });
    const sized = new ResizeObserver(() => following.current && jump());
    sized.observe(node);
    if (node.firstElementChild) sized.observe(node.firstElementChild);
    return () => {
      node.removeEventListener("scroll", scrolled);
      sized.disconnect();
    };
  }, []);
  const said = path.value.filter((message) => message.role === "user").at(-1)?.id;
  useLayoutEffect(() => {
    following.current = true;
    jump();
  }, [id, said]);
  return { box, away, jump };
}

export function Chat(): JSX.Element {
  const { box, away, jump } = useFollow();
  const shown = path.value;
  return (
    <div class="scroll" ref={box} tabIndex={0} role="region" aria-label="Conversation">
      <div class="messages">
        {shown.length === 0 ? <Welcome /> : <h1 class="sr">{current.value.title}</h1>}
        {shown.map((message, at) => (message.role === "tool" ? null : <Row key={message.id} message={message} at={at} />))}
      </div>
      {away && shown.length > 0 && (
        <button type="button" class="jump" onClick={jump} aria-label="To the newest message"><Icon name="down" /></button>
      )}
    </div>
  );
}
