// What is typed into a page stays out of the browser's own files.
//
// Browsers write down what stands in a page's fields, to bring it back after a crash: readable, beside
// whatever the page itself keeps with care. A field without a word of its own on that is left out.

import { options, type VNode } from "preact";

const FIELDS: ReadonlySet<unknown> = new Set(["input", "textarea", "select"]);

const before = options.vnode;
options.vnode = (vnode: VNode): void => {
  if (FIELDS.has(vnode.type)) (vnode.props as { autocomplete?: string }).autocomplete ??= "off";
  before?.(vnode);
};
