// A site: Parley behind the stock configuration of Debian's lighttpd, Apache or nginx, with the example from etc/ put in as its comment
// says. The package's files are copied; only address, port, and the places of logs, pid file and uploads are changed.
//
//   const site = await startSite('nginx')
//   await site.ask('/v1/me', { method, headers, body })       {status, headers, text, json()}
//   await site.stop()
import fs from 'node:fs'
import http from 'node:http'
import { build, freePort, startInstall, top, until } from '../lib/install.mjs'

export const HOST = 'chat.example.com'
const isRoot = process.getuid() === 0
const PROGRAMS = ['portal', 'api', 'chat', 'hooks']

const read = file => fs.readFileSync(file, 'utf8')
const write = (file, text) => fs.writeFileSync(file, text)

/** Replaces each text, all of which must be there: what the package ships may change. */
function redirect(text, changes) {
    for (const [from, to] of changes) {
        if (!text.includes(from)) throw new Error(`the stock configuration has no ${JSON.stringify(from)}`)
        text = text.replaceAll(from, to)
    }
    return text
}

class Site {
    constructor(dir, port, edit) {
        this.dir = dir // readable by the web server's own user
        this.port = port
        this.edit = edit
        this.share = `${dir}/share`
        this.runDir = `${dir}/run`
        this.etc = `${dir}/etc`
    }

    get url() { return `http://127.0.0.1:${this.port}` }

    /** An example from etc/ as `make install` writes it, with the places of this site. */
    example(name) {
        return this.edit(read(`${top}/etc/${name}.in`)).replaceAll('@RUN_DIR@', this.runDir).replaceAll('@HTDOCS_DIR@', `${this.share}/htdocs`)
            .replaceAll('@pkgdatadir@', this.share).replaceAll('@pkglibexecdir@', this.share).replaceAll('@sysconfdir@/parley', this.dir)
    }

    copyStock(package_) { fs.cpSync(`/etc/${package_}`, this.etc, { recursive: true, verbatimSymlinks: true }) }

    lighttpd() {
        this.copyStock('lighttpd')
        const conf = `${this.etc}/lighttpd.conf`
        write(conf, redirect(read(conf), [
            ['"/etc/lighttpd/', `"${this.etc}/`], ['/var/cache/lighttpd/uploads', `${this.dir}/tmp`], ['/var/log/lighttpd', `${this.dir}/log`],
            ['/run/lighttpd.pid', `${this.dir}/web.pid`], ['= 80\n', `= ${this.port}\nserver.bind = "127.0.0.1"\n`],
            ['include_shell "/usr/share/lighttpd/use-ipv6.pl "', '#'],
        ]))
        write(`${this.etc}/conf-available/90-parley.conf`, this.example('lighttpd.conf'))
        fs.symlinkSync('../conf-available/90-parley.conf', `${this.etc}/conf-enabled/90-parley.conf`) // lighttpd-enable-mod parley
        return ['lighttpd', ['-D', '-f', conf]]
    }

    apache(site) {
        this.copyStock('apache2')
        for (const file of ['ports.conf', 'sites-available/000-default.conf'])
            write(`${this.etc}/${file}`, redirect(read(`${this.etc}/${file}`), [[file === 'ports.conf' ? 'Listen 80\n' : '*:80', file === 'ports.conf' ? `Listen 127.0.0.1:${this.port}\n` : `*:${this.port}`]]))
        write(`${this.etc}/sites-available/parley.conf`, `<VirtualHost *:${this.port}>\nServerName ${HOST}\n${site}</VirtualHost>\n`)
        fs.symlinkSync('../sites-available/parley.conf', `${this.etc}/sites-enabled/parley.conf`)
        Object.assign(this.parley.env, { APACHE_RUN_USER: 'www-data', APACHE_RUN_GROUP: 'www-data', APACHE_PID_FILE: `${this.dir}/web.pid`,
            APACHE_RUN_DIR: this.dir, APACHE_LOCK_DIR: this.dir, APACHE_LOG_DIR: `${this.dir}/log` })
        return ['apache2', ['-DFOREGROUND', '-d', this.etc, '-f', `${this.etc}/apache2.conf`]]
    }

    enable(...modules) { // a2enmod
        for (const name of modules)
            for (const file of fs.readdirSync(`${this.etc}/mods-available`).filter(f => f === `${name}.load` || f === `${name}.conf`))
                fs.rmSync(`${this.etc}/mods-enabled/${file}`, { force: true }) ?? fs.symlinkSync(`../mods-available/${file}`, `${this.etc}/mods-enabled/${file}`)
    }

    'apache-proxy'() {
        write(`${this.dir}/apache.conf`, this.example('apache.conf'))
        const command = this.apache(`Include ${this.dir}/apache.conf\n`)
        this.enable('proxy', 'proxy_fcgi', 'headers', 'deflate', 'remoteip')
        return command
    }

    'apache-cgi'() {
        const www = `${this.dir}/www`
        fs.cpSync(`${this.share}/htdocs`, www, { recursive: true })
        fs.mkdirSync(`${www}/parley-bin`)
        for (const name of PROGRAMS) fs.copyFileSync(`${build}/${name}.fcgi`, `${www}/parley-bin/${name}.fcgi`)
        write(`${www}/.htaccess`, this.example('htaccess'))
        fs.copyFileSync(this.parley.conf, `${this.dir}/parley.conf`)
        fs.chmodSync(`${this.dir}/parley.conf`, 0o644) // the web server's user runs the programs
        const command = this.apache(`DocumentRoot ${www}\n<Directory ${www}>\nAllowOverride All\nRequire all granted\n</Directory>\n`)
        this.enable('rewrite', 'env', 'cgid')
        const cgid = `${this.etc}/mods-available/cgid.conf` // the module's socket, next to the other run-time files
        if (fs.existsSync(cgid)) write(cgid, `ScriptSock ${this.dir}/cgid.sock\n`)
        return command
    }

    nginx() {
        this.copyStock('nginx')
        const places = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(p => `${p}_temp_path ${this.dir}/tmp/${p};`).join(' ')
        const conf = `${this.etc}/nginx.conf`, site = `${this.etc}/sites-available`
        write(conf, redirect(read(conf), [['/run/nginx.pid', `${this.dir}/web.pid`], ['/var/log/nginx', `${this.dir}/log`], ['/etc/nginx', this.etc],
            ['http {\n', `http {\n${places}\n`], ...isRoot ? [] : [['user www-data;', '']]]))
        write(`${site}/default`, redirect(read(`${site}/default`), [['listen 80 default_server', `listen 127.0.0.1:${this.port} default_server`], ['listen [::]:80 default_server;', '']]))
        write(`${site}/parley`, redirect(this.example('nginx.conf'), [['listen 80;', `listen 127.0.0.1:${this.port};`]]))
        fs.rmSync(`${this.etc}/sites-enabled/default`)
        for (const name of ['default', 'parley']) fs.symlinkSync(`../sites-available/${name}`, `${this.etc}/sites-enabled/${name}`)
        return ['nginx', ['-g', 'daemon off;', '-c', conf, '-p', this.etc, '-e', `${this.dir}/log/error.log`]]
    }

    /** Paths go out as they are written. */
    ask(path, { method = 'GET', headers = {}, body } = {}) {
        return new Promise((ok, bad) => {
            const rq = http.request({ host: '127.0.0.1', port: this.port, path, method, headers: { host: HOST, ...headers }, agent: false }, r => {
                const parts = []
                r.on('data', d => parts.push(d)).on('end', () => {
                    const all = Buffer.concat(parts)
                    ok({ status: r.statusCode, headers: r.headers, body: all, text: all.toString(), json: () => JSON.parse(all) })
                }).on('error', bad)
            })
            rq.on('error', bad).end(body)
        })
    }

    /** Events of one turn as they arrive. */
    async* stream(path, message) {
        const r = await new Promise((ok, bad) => http.request({ host: '127.0.0.1', port: this.port, path, method: 'POST', agent: false,
            headers: { host: HOST, accept: 'text/event-stream', 'content-type': 'application/json' } }, ok).on('error', bad).end(JSON.stringify(message)))
        if (r.statusCode !== 200) throw new Error(`status ${r.statusCode}`)
        let rest = ''
        for await (const chunk of r.setEncoding('utf8')) {
            rest += chunk
            for (let end; (end = rest.indexOf('\n\n')) >= 0; rest = rest.slice(end + 2)) {
                const name = /^event: (\w+)/m.exec(rest.slice(0, end))?.[1], data = /^data: (.*)/m.exec(rest.slice(0, end))?.[1]
                if (data) yield { name, data: JSON.parse(data) }
            }
        }
    }

    async stop() {
        await this.parley?.stop()
        fs.rmSync(this.dir, { recursive: true, force: true })
    }
}

/** kind: lighttpd, apache-proxy, apache-cgi or nginx. `edit` changes the example's text, as an operator would. */
export async function startSite(kind, config = {}, edit = text => text) {
    const site = new Site(fs.mkdtempSync('/tmp/parley-site-'), await freePort(), edit)
    fs.chmodSync(site.dir, 0o755)
    for (const name of ['run', 'data', 'tmp', 'log']) {
        fs.mkdirSync(`${site.dir}/${name}`)
        fs.chmodSync(`${site.dir}/${name}`, 0o777) // for the web server's user
    }
    for (const name of ['htdocs', 'templates', 'sql', 'flow-templates']) fs.cpSync(`${top}/${name}`, `${site.share}/${name}`, { recursive: true })
    const settings = { base_url: `http://${HOST}`, data_dir: `${site.dir}/data`, htdocs_dir: `${site.share}/htdocs`, template_dir: `${site.share}/templates`,
        flow_template_dir: `${site.share}/flow-templates`, ...config }
    try {
        site.parley = await startInstall({ port: site.port, runDir: site.runDir, programs: kind !== 'apache-cgi', web: false, config: settings })
        if (kind !== 'apache-cgi') for (const name of PROGRAMS) fs.chmodSync(`${site.runDir}/${name}.sock`, 0o666) // in place of the group parley
        const [command, args] = site[kind]()
        const child = site.parley.start('web', command, args)
        await until(`${kind}`, async () => {
            if (child.over) throw new Error(`${kind} ended: ${site.parley.log('web').slice(-2000)}`)
            return (await site.ask('/healthz')).status === 200
        }, 20000)
        return site
    } catch (error) {
        const log = `${site.dir}/log/error.log`
        if (fs.existsSync(log)) error.message += `\n${read(log).slice(-2000)}`
        await site.stop().catch(() => {})
        throw error
    }
}
