import {
  type Expression,
  type FunctionDeclaration,
  isArrayLiteralExpression,
  isBinaryExpression,
  isCallExpression,
  isCaseClause,
  isConditionalExpression,
  isExpressionStatement,
  isFunctionDeclaration,
  isIfStatement,
  isMethodDeclaration,
  isWhileStatement,
  type MethodDeclaration,
  type Node,
  type SourceFile,
  SyntaxKind,
} from 'typescript/unstable/ast'
import { API } from 'typescript/unstable/sync'

/** One piece of code and what stands in its place when it is taken out. */
export interface Removal {
  /** As the project names it: `src/wire/host.ts`. */
  readonly file: string
  /** Both from 1. */
  readonly line: number
  readonly column: number
  /** UTF-16 offsets into the file. */
  readonly start: number
  readonly end: number
  readonly replacement: string
  /** Where the code runs that it belongs to: a test that never comes here cannot tell the difference. */
  readonly reachedAt: number
  /** Where it is and what becomes of it: `parseHost: start >= end → false`. */
  readonly label: string
}

const NEUTRAL = new Map([
  [SyntaxKind.AmpersandAmpersandToken, 'true'],
  [SyntaxKind.BarBarToken, 'false'],
])
const BOUNDS = new Map([
  ['Math.min', 'Infinity'],
  ['Math.max', '-Infinity'],
])

/**
 * What can be taken out of each file: conditions, one operand of `&&` and `||`, cases, one bound of `Math.min` and `Math.max`, one
 * element of a list at the top of a file, and whole statements in functions.
 */
export function removalsIn(files: readonly string[], root: string): Map<string, Removal[]> {
  const api = new API({ cwd: root })
  try {
    const { program } = api.updateSnapshot({ openProjects: [`${root}/tsconfig.json`] }).getProjects()[0]!
    return new Map(files.map((file) => [file, removalsOf(program.getSourceFile(`${root}/${file}`)!, file)]))
  } finally {
    api.close()
  }
}

function removalsOf(source: SourceFile, file: string): Removal[] {
  const removals: Removal[] = []
  const { text } = source

  let owner = ''
  const takeOut = (node: Node, replacement: string, reachedBy: Node = node): void => {
    const start = node.getStart(source)
    const lineStart = text.lastIndexOf('\n', start) + 1
    const code = text.slice(start, node.end).replaceAll(/\s+/g, ' ')
    removals.push({
      file,
      line: text.slice(0, start).split('\n').length,
      column: start - lineStart + 1,
      start,
      end: node.end,
      replacement,
      reachedAt: reachedBy.getStart(source),
      label: `${owner}: ${code} → ${replacement}`,
    })
  }

  const visit = (node: Node): void => {
    const outer = owner
    if (isOwner(node)) owner = node.name.getText(source)
    if (isIfStatement(node)) {
      takeOut(node.expression, 'false')
      if (node.elseStatement !== undefined) takeOut(node.expression, 'true')
    } else if (isConditionalExpression(node)) {
      takeOut(node.condition, 'false')
      takeOut(node.condition, 'true')
    } else if (isWhileStatement(node)) {
      takeOut(node.expression, 'false')
    } else if (isBinaryExpression(node) && NEUTRAL.has(node.operatorToken.kind)) {
      for (const operand of [node.left, node.right] as Expression[]) {
        const chained = isBinaryExpression(operand) && operand.operatorToken.kind === node.operatorToken.kind
        if (!chained) takeOut(operand, NEUTRAL.get(node.operatorToken.kind)!)
      }
    } else if (isCaseClause(node)) {
      takeOut(node.expression, 'NaN', node.parent.parent)
    } else if (isCallExpression(node) && BOUNDS.has(node.expression.getText(source))) {
      for (const bound of node.arguments) takeOut(bound, BOUNDS.get(node.expression.getText(source))!)
    } else if (isArrayLiteralExpression(node) && owner === '') {
      for (const element of node.elements) takeOut(element, '...[]')
    } else if (isExpressionStatement(node) && owner !== '') {
      takeOut(node, ';')
    }
    node.forEachChild(visit)
    owner = outer
  }
  visit(source)
  return removals
}

/** Code is told apart by what it is in. */
function isOwner(node: Node): node is (MethodDeclaration | FunctionDeclaration) & { readonly name: Node } {
  return (isMethodDeclaration(node) || isFunctionDeclaration(node)) && node.name !== undefined
}
