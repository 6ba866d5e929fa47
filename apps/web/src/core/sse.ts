// Server-sent events from bytes: text may break anywhere, lines end in LF, CR or CRLF.

export interface ServerEvent {
  event: string;
  data: string;
}

export class SseParser {
  private decoder = new TextDecoder();
  private rest = "";
  private data: string[] = [];
  private event = "";

  // The events that these bytes complete.
  push(bytes: Uint8Array): ServerEvent[] {
    return this.lines(this.decoder.decode(bytes, { stream: true }), false);
  }

  // The stream has ended; an event without its blank line is still delivered, since some servers forget it.
  end(): ServerEvent[] {
    const found = this.lines(this.decoder.decode(), true);
    this.flush(found);
    return found;
  }

  private lines(text: string, last: boolean): ServerEvent[] {
    const found: ServerEvent[] = [];
    this.rest += text;
    let from = 0;
    for (;;) {
      const at = nextBreak(this.rest, from);
      if (at < 0) break;
      const crlf = this.rest[at] === "\r" && this.rest[at + 1] === "\n";
      // A CR at the very end may be half of a CRLF.
      if (!last && this.rest[at] === "\r" && at + 1 === this.rest.length) break;
      this.line(this.rest.slice(from, at), found);
      from = at + (crlf ? 2 : 1);
    }
    this.rest = this.rest.slice(from);
    if (last && this.rest !== "") {
      this.line(this.rest, found);
      this.rest = "";
    }
    return found;
  }

  private line(line: string, found: ServerEvent[]): void {
    if (line === "") return this.flush(found);
    if (line.startsWith(":")) return;
    const colon = line.indexOf(":");
    const field = colon < 0 ? line : line.slice(0, colon);
    let value = colon < 0 ? "" : line.slice(colon + 1);
    if (value.startsWith(" ")) value = value.slice(1);
    if (field === "data") this.data.push(value);
    if (field === "event") this.event = value;
  }

  private flush(found: ServerEvent[]): void {
    if (this.data.length > 0) found.push({ event: this.event || "message", data: this.data.join("\n") });
    this.data = [];
    this.event = "";
  }
}

function nextBreak(text: string, from: number): number {
  const lf = text.indexOf("\n", from);
  const cr = text.indexOf("\r", from);
  if (lf < 0) return cr;
  return cr < 0 ? lf : Math.min(lf, cr);
}
