// etc/htaccess: plain CGI under Debian's Apache, as on shared hosting.
import { checkExample } from './examples.mjs'

checkExample('apache-cgi')
