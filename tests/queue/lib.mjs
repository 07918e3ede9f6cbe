// Helpers of the mail tests: a mail server that follows a script, and a function that queues mails.
import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { simpleParser } from 'mailparser'
import { SMTPServer } from 'smtp-server'
import { build, freePort } from '../lib/install.mjs'

/** An error as smtp-server answers it: refuse(451, 'busy'). */
export const refuse = (responseCode, words) => Object.assign(new Error(words), { responseCode })

/**
 * A mail server on loopback. `hooks`: rcpt(address, session), data(mail, session), auth({username, password}) may throw or return a refusal,
 * or a promise to be slow. The mails it accepted are in `got`: {raw, mail, from, to, secure}.
 */
export async function startServer(options = {}, hooks = {}) {
    const here = { got: [], tried: [], hooks }
    const run = async (hook, callback, answer, ...args) => {
        try { callback(await here.hooks[hook]?.(...args) ?? null, answer) } catch (error) { callback(error) }
    }
    const server = new SMTPServer({
        authOptional: true, closeTimeout: 100, disabledCommands: options.cert ? [] : ['STARTTLS'], ...options,
        onAuth: (auth, session, callback) => {
            here.tried.push(auth)
            return run('auth', callback, { user: auth.username }, auth, session)
        },
        onRcptTo: (address, session, callback) => run('rcpt', callback, undefined, address.address, session),
        async onData(stream, session, callback) {
            const chunks = [], { mailFrom, rcptTo } = session.envelope // emptied when the mail is taken
            for await (const chunk of stream) chunks.push(chunk)
            const raw = Buffer.concat(chunks).toString('latin1')
            const mail = { raw, mail: await simpleParser(Buffer.concat(chunks)), from: mailFrom.address, to: rcptTo.map(r => r.address), secure: session.secure }
            await run('data', error => {
                if (!error) here.got.push(mail)
                callback(error, 'queued as 4711')
            }, undefined, mail, session)
        },
    })
    server.on('error', () => {}) // a client that leaves in the middle of a handshake
    here.port = options.port ?? await freePort()
    await new Promise((ok, bad) => server.listen(here.port, '127.0.0.1', ok).once('error', bad))
    here.close = () => new Promise(ok => server.close(ok))
    return here
}

/** A self-signed certificate for `host`: {key, cert, file}. */
export function makeCertificate(dir, host) {
    const key = path.join(dir, `${host}.key`), file = path.join(dir, `${host}.pem`)
    const done = spawnSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2', '-subj',
        `/CN=${host}`, '-addext', `subjectAltName=DNS:${host}`, '-keyout', key, '-out', file], { encoding: 'utf8' })
    if (done.status !== 0) throw new Error(done.stderr)
    return { key: fs.readFileSync(key), cert: fs.readFileSync(file), file }
}

/** Queue a mail as the program does (tests/queue/queue_mail.c). */
export function queueMail(parley, to, template, values) {
    const done = spawnSync(path.join(build, 'tests/queue/queue_mail'), [to, template, ...Object.entries(values).map(([k, v]) => `${k}=${v}`)],
        { encoding: 'utf8', env: parley.env })
    if (done.status !== 0) throw new Error(done.stderr)
}
