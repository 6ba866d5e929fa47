// A component that is drawn again only when one of its properties is another.
import { Component, h, type ComponentType, type VNode } from "preact";

export function memo<P extends object>(Inner: ComponentType<P>): ComponentType<P> {
  return class Memo extends Component<P> {
    override shouldComponentUpdate(next: Readonly<P>): boolean {
      const before = this.props as Record<string, unknown>;
      const after = next as Record<string, unknown>;
      return Object.keys({ ...before, ...after }).some((name) => before[name] !== after[name]);
    }

    override render(): VNode {
      return h(Inner as ComponentType, this.props);
    }
  };
}
