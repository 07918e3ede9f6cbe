// etc/apache.conf in a virtual host of Debian's Apache.
import { checkExample } from './examples.mjs'

checkExample('apache-proxy')
