// The code editor, bundled with CodeMirror at build (tools/site/editor.py).
import { defaultKeymap, history, historyKeymap, indentWithTab } from "@codemirror/commands";
import { pythonLanguage } from "@codemirror/lang-python";
import { bracketMatching, indentOnInput, indentUnit, syntaxHighlighting } from "@codemirror/language";
import { EditorState } from "@codemirror/state";
import { EditorView, keymap, lineNumbers } from "@codemirror/view";
import { classHighlighter } from "@lezer/highlight";

// The page's own colours, which follow light and dark; those of the code stand in panel.css.
const theme = EditorView.theme({
  "&": { color: "var(--pst-color-text-base)", backgroundColor: "var(--pst-color-background)" },
  "&.cm-focused": { outline: "none" },
  ".cm-scroller": { fontFamily: "inherit", lineHeight: "inherit", overflow: "auto" },
  ".cm-content": { caretColor: "var(--pst-color-text-base)" },
  ".cm-gutters": {
    backgroundColor: "var(--pst-color-surface)",
    borderRight: "1px solid var(--pst-color-border)",
    color: "var(--pst-color-text-muted)",
  },
  "&.cm-focused .cm-matchingBracket": { backgroundColor: "transparent", outline: "1px solid" },
  "&.cm-focused .cm-nonmatchingBracket": {
    backgroundColor: "transparent", outline: "2px solid var(--pst-color-danger)",
  },
});

// After Escape, Tab leaves as everywhere else, until another key is pressed.
const leaving = EditorView.domEventHandlers({
  keydown({ key }, view) {
    if (!["Shift", "Tab"].includes(key)) view.setTabFocusMode(key === "Escape");
  },
  blur(event, view) { view.setTabFocusMode(false); },
});

export function createEditor({ parent, code, attributes, changed, run }) {
  const runs = () => { run(); return true; };
  const view = new EditorView({
    parent,
    doc: code,
    extensions: [
      leaving,
      keymap.of([
        { key: "Mod-Enter", run: runs }, { key: "Ctrl-Enter", run: runs },
        indentWithTab, ...historyKeymap, ...defaultKeymap,
      ]),
      lineNumbers(), history(), bracketMatching(), indentOnInput(),
      pythonLanguage, syntaxHighlighting(classHighlighter),
      indentUnit.of("    "), EditorState.tabSize.of(4), theme,
      EditorView.contentAttributes.of(attributes),
      EditorView.updateListener.of((update) => { if (update.docChanged) changed(); }),
    ],
  });
  return {
    get code() { return view.state.doc.toString(); },
    set code(text) {  // the reader can undo it
      view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: text } });
    },
    focus() { view.contentDOM.focus({ preventScroll: true }); },
    close() { view.destroy(); },
  };
}
