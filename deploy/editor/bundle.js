// What Studio's own script (pipeline/web/static/studio.js) uses of CodeMirror, as the global `CodeMirror`.
export { EditorState, Compartment } from "@codemirror/state";
export {
  Decoration, EditorView, MatchDecorator, ViewPlugin, drawSelection, highlightActiveLine, hoverTooltip, keymap, lineNumbers, placeholder,
} from "@codemirror/view";
export { defaultKeymap, history, historyKeymap, indentWithTab, redo, undo, undoDepth } from "@codemirror/commands";
export { HighlightStyle, bracketMatching, indentUnit, syntaxHighlighting } from "@codemirror/language";
export { autocompletion, closeBrackets, closeBracketsKeymap, completionKeymap } from "@codemirror/autocomplete";
export { lintGutter, lintKeymap, setDiagnostics } from "@codemirror/lint";
export { highlightSelectionMatches, searchKeymap } from "@codemirror/search";
export { yaml } from "@codemirror/lang-yaml";
export { json } from "@codemirror/lang-json";
export { tags } from "@lezer/highlight";
