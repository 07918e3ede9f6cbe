-- Requests for wrk. MODE get: just the address; new: each opens a conversation; open: each goes on in one of the file CONVERSATIONS.
local mode = os.getenv("MODE")
local text = os.getenv("TEXT") or "Where is my data kept?"
local threads, list, at = 0, {}, 0

function setup(thread)
    thread:set("number", threads)
    threads = threads + 1
end

function init(args)
    math.randomseed(os.time() * 64 + number)
    if mode == "open" then -- each thread has its own share, so that no conversation is in two hands
        local i = 0
        for line in io.lines(os.getenv("CONVERSATIONS")) do
            if i % tonumber(os.getenv("THREADS")) == number then list[#list + 1] = line end
            i = i + 1
        end
    end
end

local function unique()
    at = at + 1
    return string.format("%08x-%08x-%d-%d", math.random(0, 2^31 - 1), math.random(0, 2^31 - 1), number, at)
end

function request()
    if mode == "get" then return wrk.format("GET") end
    local more = ""
    if mode == "open" then more = "," .. list[at % #list + 1] end
    local body = string.format('{"text":"%s","id":"%s"%s}', text, unique(), more)
    return wrk.format("POST", nil, { ["Content-Type"] = "application/json" }, body)
end

function done(summary, latency, requests)
    io.write(string.format('RESULT {"requests": %d, "seconds": %.3f, "p50_ms": %.2f, "p99_ms": %.2f, "failed": %d}\n',
        summary.requests, summary.duration / 1e6, latency:percentile(50) / 1000, latency:percentile(99) / 1000,
        summary.errors.status + summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout))
end
