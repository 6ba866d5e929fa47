// The last gate before model output becomes HTML: no scripts, no forms, no styles but KaTeX's, nothing that loads from elsewhere.
import DOMPurify from "dompurify";

type Purify = ReturnType<typeof DOMPurify>;
type View = Parameters<typeof DOMPurify>[0];

const kOptions = {
  USE_PROFILES: { html: true, mathMl: true },
  FORBID_TAGS: ["style", "form", "iframe", "object", "embed", "base", "link", "meta", "video", "audio", "source", "track",
    "picture", "textarea", "select", "option", "dialog", "template", "slot"],
  FORBID_ATTR: ["srcset", "action", "formaction", "background", "poster", "autofocus", "contenteditable", "name", "id",
    "tabindex", "popover", "popovertarget", "accesskey", "is", "slot", "part"],
  ALLOW_DATA_ATTR: false,
  ADD_TAGS: ["semantics", "annotation"],
  ADD_ATTR: ["target", "encoding"],
};
const kPictures = /^data:image\/(?:png|jpeg|gif|webp);base64,[a-z0-9+/=\s]+$/i;
const kLinks = /^(?:https?:|mailto:)/i;

function guard(node: Element): void {
  const aligned = /^T[DH]$/.test(node.nodeName) && /^text-align: ?(?:left|right|center);?$/.test(node.getAttribute("style") ?? "");
  if (node.hasAttribute("style") && !aligned && !node.closest(".katex")) node.removeAttribute("style");
  if (node.nodeName === "A") {
    if (!kLinks.test(node.getAttribute("href") ?? "")) node.removeAttribute("href");
    node.setAttribute("target", "_blank");
    node.setAttribute("rel", "noopener noreferrer nofollow");
  }
  // A picture from elsewhere would tell its host what was said here.
  if (node.nodeName === "IMG" && !kPictures.test(node.getAttribute("src") ?? "")) node.removeAttribute("src");
  if (node.nodeName === "INPUT" && node.getAttribute("type") !== "checkbox") node.remove();
}

// `view` is the window; tests bring their own.
export function makeSanitizer(view: View): (html: string) => string {
  const purify: Purify = DOMPurify(view);
  purify.addHook("afterSanitizeAttributes", guard);
  return (html) => purify.sanitize(html, kOptions) as unknown as string;
}
