// tests/billing/ops.c as a child: what owners do about money, one call a line.
import { Cli } from '../stripe/cli.mjs'

export class Ops extends Cli {
    constructor(env) {
        super(env, 'billing/ops')
    }
}
