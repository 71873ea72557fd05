/** How a command is started: as it is, or by `/bin/sh -c script`. */
export type CommandLine = { readonly argv: readonly string[] } | { readonly script: string }

/** What only a shell can do: operators, redirections, expansions, globs. */
const SHELL_CHARACTERS = new Set('|&;<>()$`*?[\n')
/** Those that count where a word begins: a home directory, a comment. */
const SHELL_AT_START = new Set('~#')
/** Those after which it may be more than one command. */
const OPERATORS = new Set('|&;()`\n')
const ASSIGNMENT = /^[A-Za-z_][A-Za-z0-9_]*=/
/** Words that `exec` cannot take the place of, because no program has that name. */
const SHELL_WORDS = new Set(
  '! { . : break case cd command continue eval exec exit export for function if readonly return set shift source time times trap ulimit umask unset until while'.split(
    ' ',
  ),
)

/**
 * Splits a command into words as `sh` does: blanks separate; single quotes keep everything; in double quotes a backslash
 * only escapes `"` and `\`; outside quotes it escapes any character. A command that needs more than that is left to a
 * shell, which gives its place to the program where it can (`exec`): signals and exit status are then the program's own.
 * @throws SyntaxError for an empty command, a quote that does not end and a backslash at the end.
 */
export function parseCommand(command: string): CommandLine {
  // A block of YAML ends with a line feed, which says nothing.
  const text = command.replace(/\n+$/, '')
  if (text.trim() === '') throw new SyntaxError('the command is empty')
  const words: string[] = []
  /** Offset in the text where each word begins. */
  const starts: number[] = []
  let word: string | null = null
  let needsShell = false
  let isSimple = true
  for (let at = 0; at < text.length; at++) {
    const character = text[at]!
    if (character === ' ' || character === '\t') {
      if (word !== null) words.push(word)
      word = null
      continue
    }
    if (word === null) {
      word = ''
      starts.push(at)
      if (SHELL_AT_START.has(character)) needsShell = true
    }
    if (character === "'") {
      const end = text.indexOf("'", at + 1)
      if (end < 0) throw new SyntaxError('a single quote does not end')
      word += text.slice(at + 1, end)
      at = end
    } else if (character === '"') {
      for (at++; text[at] !== '"'; at++) {
        if (at >= text.length) throw new SyntaxError('a double quote does not end')
        if (text[at] === '$' || text[at] === '`') needsShell = true
        if (text[at] === '\\' && (text[at + 1] === '"' || text[at + 1] === '\\')) at++
        word += text[at]!
      }
    } else if (character === '\\') {
      if (++at === text.length) throw new SyntaxError('a backslash stands at the end')
      // The line goes on in the next one.
      if (text[at] === '\n') needsShell = true
      word += text[at]!
    } else {
      if (SHELL_CHARACTERS.has(character)) needsShell = true
      if (OPERATORS.has(character)) isSimple = false
      word += character
    }
  }
  if (word !== null) words.push(word)
  const program = words.findIndex((each) => !ASSIGNMENT.test(each))
  if (program !== 0 || SHELL_WORDS.has(words[0]!)) needsShell = true
  if (!needsShell) return { argv: words }
  if (!isSimple || program < 0 || SHELL_WORDS.has(words[program]!)) return { script: text }
  const start = starts[program]!
  return { script: `${text.slice(0, start)}exec ${text.slice(start)}` }
}
