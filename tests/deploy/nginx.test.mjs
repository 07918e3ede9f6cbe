// etc/nginx.conf in Debian's nginx.
import { checkExample } from './examples.mjs'

checkExample('nginx')
