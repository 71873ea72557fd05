import {
  type BinaryExpression,
  type Expression,
  type FunctionDeclaration,
  type GetAccessorDeclaration,
  isArrayLiteralExpression,
  isBinaryExpression,
  isCallExpression,
  isCaseClause,
  isConditionalExpression,
  isExpressionStatement,
  isFunctionDeclaration,
  isGetAccessorDeclaration,
  isIfStatement,
  isMethodDeclaration,
  isWhileStatement,
  type MethodDeclaration,
  type Node,
  type SourceFile,
  SyntaxKind,
} from 'typescript/unstable/ast'
import { API } from 'typescript/unstable/sync'

/**
 * When the code without a piece does something else: when what is at `at` ran, and more often than what is at `than`. A condition that was never true is
 * not missed where `false` stands in its place. Offsets; -1 for none.
 */
export interface Matters {
  readonly at: number
  readonly than: number
}

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
  readonly matters: Matters
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
  const takeOut = (node: Node, replacement: string, ran: Node = node, than?: Node): void => {
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
      matters: { at: ran.getStart(source), than: than?.getStart(source) ?? -1 },
      label: `${owner}: ${code} → ${replacement}`,
    })
  }

  const visit = (node: Node): void => {
    const outer = owner
    if (isOwner(node)) owner = node.name.getText(source)
    if (isIfStatement(node)) {
      takeOut(node.expression, 'false', node.thenStatement)
      if (node.elseStatement !== undefined) takeOut(node.expression, 'true', node.elseStatement)
    } else if (isConditionalExpression(node)) {
      takeOut(node.condition, 'false', node.whenTrue)
      takeOut(node.condition, 'true', node.whenFalse)
    } else if (isWhileStatement(node)) {
      takeOut(node.expression, 'false', node.statement)
    } else if (isBinaryExpression(node) && NEUTRAL.has(node.operatorToken.kind)) {
      for (const operand of [node.left, node.right] as Expression[]) {
        if (!isChained(operand, node)) takeOut(operand, NEUTRAL.get(node.operatorToken.kind)!, operand, behind(operand))
      }
    } else if (isCaseClause(node)) {
      takeOut(node.expression, 'NaN', node)
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

type Owner = MethodDeclaration | FunctionDeclaration | GetAccessorDeclaration

/** Code is told apart by what it is in. */
function isOwner(node: Node): node is Owner & { readonly name: Node } {
  return (
    (isMethodDeclaration(node) || isFunctionDeclaration(node) || isGetAccessorDeclaration(node)) &&
    node.name !== undefined
  )
}

/** `a && b` in `a && b && c`. */
function isChained(operand: Node, node: BinaryExpression): operand is BinaryExpression {
  return isBinaryExpression(operand) && operand.operatorToken.kind === node.operatorToken.kind
}

/** What runs next after an operand that is as if it were gone: the next operand, or what is done when all are true. */
function behind(operand: Node): Node | undefined {
  const { parent } = operand
  if (isBinaryExpression(parent)) {
    if (parent.left === operand) return parent.right
    if (isBinaryExpression(parent.parent) && isChained(parent, parent.parent)) return behind(parent)
    const conjunction = parent.operatorToken.kind === SyntaxKind.AmpersandAmpersandToken
    if (conjunction && isIfStatement(parent.parent)) return parent.parent.thenStatement
  }
  return undefined
}
