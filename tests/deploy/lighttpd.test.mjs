// etc/lighttpd.conf in Debian's lighttpd.
import { checkExample } from './examples.mjs'

checkExample('lighttpd')
