// Conversations in this browser's IndexedDB; where there is none (a private window may refuse), they live as long as the page.
import { readConversation } from "../core/transfer";
import type { Conversation } from "../core/types";

const kName = "hearth";
const kStore = "conversations";

export class Database {
  private constructor(private readonly db: IDBDatabase | null) {}

  static async open(factory: IDBFactory | undefined): Promise<Database> {
    if (!factory) return new Database(null);
    try {
      const request = factory.open(kName, 1);
      request.onupgradeneeded = () => request.result.createObjectStore(kStore, { keyPath: "id" });
      const db = await done(request);
      db.onversionchange = () => db.close();
      return new Database(db);
    } catch {
      return new Database(null);
    }
  }

  get lasting(): boolean {
    return this.db !== null;
  }

  // What is stored was written by some version of this page: it is read as carefully as a file.
  async all(): Promise<Conversation[]> {
    if (!this.db) return [];
    const found: unknown[] = await done(this.store("readonly").getAll());
    return found.map(readConversation).filter((conversation) => conversation !== null);
  }

  async get(id: string): Promise<Conversation | null> {
    return this.db ? readConversation(await done(this.store("readonly").get(id))) : null;
  }

  async put(conversation: Conversation): Promise<void> {
    if (this.db) await done(this.store("readwrite").put(conversation));
  }

  async remove(id: string): Promise<void> {
    if (this.db) await done(this.store("readwrite").delete(id));
  }

  async clear(): Promise<void> {
    if (this.db) await done(this.store("readwrite").clear());
  }

  private store(mode: IDBTransactionMode): IDBObjectStore {
    return this.db!.transaction(kStore, mode).objectStore(kStore);
  }
}

function done<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error("the browser's storage failed"));
  });
}
