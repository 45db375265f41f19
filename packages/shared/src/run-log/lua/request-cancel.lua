--[[
  Leaves word in a run's meta that somebody wants it stopped, and nudges the workers. The flag is the truth, the
  message only makes it fast. The meta may not exist yet: the run still waits in the queue.

  KEYS[1] meta (hash)   ARGV[1] cancel channel   ARGV[2] run id   ARGV[3] life of a meta that stands alone, ms

  Returns 1.
]]
redis.call('HSET', KEYS[1], 'cancel', 1)
if redis.call('PTTL', KEYS[1]) < 0 then redis.call('PEXPIRE', KEYS[1], ARGV[3]) end
redis.call('PUBLISH', ARGV[1], ARGV[2])
return 1
