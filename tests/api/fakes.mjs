// An install whose bots ask two fakes of OpenAI, and the official `openai` client on this side.
import assert from 'node:assert/strict'
import { KEY, startOpenai } from '../engine/fake/openai.mjs'
import { engineBot, startApi } from './lib.mjs'
import { clientOf } from './walk.mjs'

/** Start both fakes and the install; stop() ends all three. */
export async function startWithFakes() {
    const fake = await startOpenai(), second = await startOpenai()
    const stop = async () => {
        await fake.stop()
        await second.stop()
    }
    const api = await startApi({ engine_private_hosts: `127.0.0.1:${fake.port} 127.0.0.1:${second.port}` })
        .catch(async e => { await stop(); throw e })
    const { parley, call, mine } = api
    return {
        ...api, fake, second, client: clientOf(parley.url, mine.key),
        /** A bot with engines at the fakes, which forget what they were asked before. */
        fakeBot(...all) {
            fake.clear()
            second.clear()
            return engineBot(call, mine, ...all)
        },
        async stop() {
            await parley.stop()
            await stop()
        },
    }
}

export const at = (server, more = {}) => ({ base_url: `${server.url}/v1`, api_key: KEY, ...more })

/** The error of a call that must fail. */
export const failed = promise => promise.then(() => assert.fail('it was accepted'), e => e)
