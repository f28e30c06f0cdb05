require "webrick"

log = WEBrick::Log.new($stderr, WEBrick::Log::WARN)
server = WEBrick::HTTPServer.new(Port: ENV["PORT"].to_i, AccessLog: [], Logger: log)
server.mount_proc("/") do |request, response|
  response.body = "#{request.request_method} #{request.path} #{(request.body || '').length}\n"
end
server.start
