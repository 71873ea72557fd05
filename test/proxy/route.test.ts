import t from 'tap'
import { compileSnapshot } from '../../src/model/compiled-snapshot.ts'
import type { AppEntry } from '../../src/model/snapshot.ts'
import { findApp, outOfService } from '../../src/proxy/route.ts'
import { appEntry, snapshotData } from '../support/snapshot-data.ts'

function codeOf(given: Parameters<typeof appEntry>[1]): string {
  return outOfService(compileSnapshot(snapshotData({ apps: [appEntry('shop', given)] })).apps[0]!)
}

function formation(given: Partial<AppEntry['formation']>): AppEntry['formation'] {
  return { released: true, quantity: 2, starting: 0, crashed: 0, ...given }
}

t.test('a host leads to its app, an unknown one to none', async (t) => {
  const snapshot = compileSnapshot(
    snapshotData({
      apps: [appEntry('shop', { domains: ['shop.example.com', '*.shop.example.com'] }), appEntry('chat')],
    }),
  )
  t.equal(findApp(snapshot, 'shop.example.com', false)?.name, 'shop')
  t.equal(findApp(snapshot, 'a.b.shop.example.com', false)?.name, 'shop')
  t.equal(findApp(snapshot, 'chat.example.com', true)?.name, 'chat')
  t.equal(findApp(snapshot, 'example.com', false), null)
  t.equal(findApp(snapshot, '', false), null)
})

t.test('an internal app exists for inside clients only', async (t) => {
  const snapshot = compileSnapshot(
    snapshotData({ apps: [appEntry('billing', { internalRouting: true }), appEntry('shop')] }),
  )
  t.equal(findApp(snapshot, 'billing.example.com', true)?.name, 'billing')
  t.equal(findApp(snapshot, 'billing.example.com', false), null)
  t.equal(findApp(snapshot, 'shop.example.com', true)?.name, 'shop')
})

t.test(
  "outside, an internal app's host under another app's wildcard is that app's, as if it were not configured",
  async (t) => {
    const snapshot = compileSnapshot(
      snapshotData({
        apps: [
          appEntry('billing', { internalRouting: true, domains: ['billing.example.com', '*.deep.example.com'] }),
          appEntry('web', { domains: ['*.example.com'] }),
        ],
      }),
    )
    for (const host of ['billing.example.com', 'never-configured.example.com', 'a.deep.example.com']) {
      t.equal(findApp(snapshot, host, false)?.name, 'web', host)
    }
    t.equal(findApp(snapshot, 'billing.example.com', true)?.name, 'billing')
    t.equal(findApp(snapshot, 'a.deep.example.com', true)?.name, 'billing')
  },
)

t.test('an app with a ready dyno serves, also while others of it start or crash', async (t) => {
  t.equal(codeOf({ dynos: [{}, {}] }), '')
  t.equal(codeOf({ dynos: [{}], formation: formation({ crashed: 1 }) }), '')
  t.equal(codeOf({ dynos: [{}], formation: formation({ starting: 1 }) }), '')
})

t.test('maintenance is H80 before anything about dynos', async (t) => {
  t.equal(codeOf({ maintenance: true, dynos: [{}] }), 'H80')
  t.equal(codeOf({ maintenance: true, formation: formation({ released: false, quantity: 0 }) }), 'H80')
})

t.test('no release yet is H81, no web dynos wanted is H14', async (t) => {
  t.equal(codeOf({ formation: formation({ released: false, quantity: 0 }) }), 'H81')
  t.equal(codeOf({ formation: formation({ quantity: 0 }) }), 'H14')
  t.equal(codeOf({ formation: formation({ quantity: 0 }), dynos: [{ draining: true }] }), 'H14')
})

t.test('crashed dynos only are H10; while one starts or is on its way a request may wait', async (t) => {
  t.equal(codeOf({ formation: formation({ crashed: 2 }) }), 'H10')
  t.equal(
    codeOf({ formation: formation({ crashed: 1 }), dynos: [{ draining: true }] }),
    'H10',
    'a draining dyno takes no new request',
  )
  t.equal(codeOf({ formation: formation({ crashed: 1, starting: 1 }) }), '')
  t.equal(codeOf({ formation: formation({ starting: 2 }) }), '')
  t.equal(codeOf({ formation: formation({}) }), '')
})
