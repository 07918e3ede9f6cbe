-- Requests for wrk. MODE get: just the address; new: each opens a conversation; open: each goes on in one of the file CONVERSATIONS.
-- TEXTS: a file of questions, one JSON string a line, put one after the other.
-- MODE event: signed webhooks of Stripe with ids of their own (again: all with the same one; forged: signed with another secret): the file
-- EVENT is their body, with EVENT_ID and OBJECT_ID in it; the ids of the file OBJECTS take turns; SECRET signs.
local mode = os.getenv("MODE")
local threads, list, texts, at = 0, {}, {}, 0
local hooks = { event = true, again = true, forged = true }
local signed

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

local function unique()
    return string.format("%08x-%08x-%d-%d", math.random(0, 2^31 - 1), math.random(0, 2^31 - 1), number, at)
end

-- A function of event id and object id: the request. wrk itself is linked with libcrypto.
local function signer()
    local ffi = require("ffi")
    ffi.cdef [[
        const void *EVP_sha256(void);
        unsigned char *HMAC(const void *md, const void *key, int key_n, const char *data, size_t n, unsigned char *out, unsigned int *out_n);
    ]]
    local template = assert(io.open(os.getenv("EVENT"))):read("*a")
    local before, between, after = template:match("^(.-)EVENT_ID(.-)OBJECT_ID(.*)$")
    local secret, out, hex = os.getenv("SECRET"), ffi.new("unsigned char[32]"), {}
    if mode == "forged" then secret = secret .. "x" end
    for i = 0, 255 do hex[i] = string.format("%02x", i) end
    return function(id, object)
        local body, t = before .. id .. between .. object .. after, tostring(os.time())
        local data, digits = t .. "." .. body, {}
        ffi.C.HMAC(ffi.C.EVP_sha256(), secret, #secret, data, #data, out, nil)
        for i = 0, 31 do digits[i + 1] = hex[out[i]] end
        return wrk.format("POST", nil, { ["Content-Type"] = "application/json; charset=utf-8",
            ["Stripe-Signature"] = "t=" .. t .. ",v1=" .. table.concat(digits) }, body)
    end
end

function init(args)
    math.randomseed(os.time() * 64 + number)
    if hooks[mode] then
        read("OBJECTS", list, function() return true end)
        signed = signer()
    elseif mode ~= "get" then
        read("TEXTS", texts, function() return true end)
    end
    if mode == "open" then -- each thread has its own share, so that no conversation is in two hands
        read("CONVERSATIONS", list, function(i) return i % tonumber(os.getenv("THREADS")) == number end)
    end
end

function request()
    if mode == "get" then return wrk.format("GET") end
    at = at + 1
    if hooks[mode] then
        return signed(mode == "event" and "evt_" .. unique() or "evt_" .. mode, list[at % #list + 1])
    end
    local more = ""
    if mode == "open" then more = "," .. list[at % #list + 1] end
    local body = string.format('{"text":%s,"id":"%s"%s}', texts[at % #texts + 1], unique(), more)
    return wrk.format("POST", nil, { ["Content-Type"] = "application/json" }, body)
end

function done(summary, latency, requests)
    io.write(string.format('RESULT {"requests": %d, "seconds": %.3f, "p50_ms": %.2f, "p99_ms": %.2f, "refused": %d, "failed": %d}\n',
        summary.requests, summary.duration / 1e6, latency:percentile(50) / 1000, latency:percentile(99) / 1000, summary.errors.status,
        summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout))
end
