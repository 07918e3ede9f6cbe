-- Requests for wrk. MODE get: just the address; new: each opens a conversation; open: each goes on in one of the file CONVERSATIONS.
-- TEXTS: a file of questions, one JSON string a line, put one after the other.
local mode = os.getenv("MODE")
local threads, list, texts, at = 0, {}, {}, 0

function setup(thread)
    thread:set("number", threads)
    threads = threads + 1
end

local function read(name, into, keep)
    local i = 0
    for line in io.lines(os.getenv(name)) do
        if keep(i) then into[#into + 1] = line end
        i = i + 1
    end
end

function init(args)
    math.randomseed(os.time() * 64 + number)
    if mode ~= "get" then read("TEXTS", texts, function() return true end) end
    if mode == "open" then -- each thread has its own share, so that no conversation is in two hands
        read("CONVERSATIONS", list, function(i) return i % tonumber(os.getenv("THREADS")) == number end)
    end
end

local function unique()
    return string.format("%08x-%08x-%d-%d", math.random(0, 2^31 - 1), math.random(0, 2^31 - 1), number, at)
end

function request()
    if mode == "get" then return wrk.format("GET") end
    local more = ""
    at = at + 1
    if mode == "open" then more = "," .. list[at % #list + 1] end
    local body = string.format('{"text":%s,"id":"%s"%s}', texts[at % #texts + 1], unique(), more)
    return wrk.format("POST", nil, { ["Content-Type"] = "application/json" }, body)
end

function done(summary, latency, requests)
    io.write(string.format('RESULT {"requests": %d, "seconds": %.3f, "p50_ms": %.2f, "p99_ms": %.2f, "failed": %d}\n',
        summary.requests, summary.duration / 1e6, latency:percentile(50) / 1000, latency:percentile(99) / 1000,
        summary.errors.status + summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout))
end
