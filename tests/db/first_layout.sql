-- The layout of the first migration of OmniSight's own repository: three tables and two columns short of ours.
CREATE TYPE "UserRole" AS ENUM ('ADMIN', 'USER', 'VIEWER');
CREATE TYPE "CameraStatus" AS ENUM ('ONLINE', 'OFFLINE', 'ERROR');
CREATE TYPE "StreamStatus" AS ENUM ('ACTIVE', 'INACTIVE', 'ERROR');
CREATE TYPE "RecordingStatus" AS ENUM ('RECORDING', 'COMPLETED', 'ERROR');
CREATE TABLE "User" ("id" TEXT NOT NULL, "username" TEXT NOT NULL, "email" TEXT NOT NULL, "password" TEXT NOT NULL,
    "role" "UserRole" NOT NULL DEFAULT 'USER', "isActive" BOOLEAN NOT NULL DEFAULT true, "lastLogin" TIMESTAMP(3),
    "settings" JSONB DEFAULT '{}', "createdAt" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updatedAt" TIMESTAMP(3) NOT NULL, CONSTRAINT "User_pkey" PRIMARY KEY ("id"));
CREATE TABLE "Camera" ("id" TEXT NOT NULL, "name" TEXT NOT NULL, "rtspUrl" TEXT NOT NULL, "username" TEXT,
    "password" TEXT, "status" "CameraStatus" NOT NULL DEFAULT 'OFFLINE', "ipAddress" TEXT, "model" TEXT,
    "location" TEXT, "settings" JSONB DEFAULT '{}', "createdAt" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updatedAt" TIMESTAMP(3) NOT NULL, CONSTRAINT "Camera_pkey" PRIMARY KEY ("id"));
CREATE TABLE "Stream" ("id" TEXT NOT NULL, "cameraId" TEXT NOT NULL, "status" "StreamStatus" NOT NULL DEFAULT 'INACTIVE',
    "startedAt" TIMESTAMP(3), "endedAt" TIMESTAMP(3), "metadata" JSONB DEFAULT '{}',
    "createdAt" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP, "updatedAt" TIMESTAMP(3) NOT NULL,
    CONSTRAINT "Stream_pkey" PRIMARY KEY ("id"));
CREATE TABLE "Recording" ("id" TEXT NOT NULL, "cameraId" TEXT NOT NULL, "startTime" TIMESTAMP(3) NOT NULL,
    "endTime" TIMESTAMP(3), "duration" INTEGER, "status" "RecordingStatus" NOT NULL DEFAULT 'RECORDING',
    "metadata" JSONB DEFAULT '{}', "createdAt" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updatedAt" TIMESTAMP(3) NOT NULL, CONSTRAINT "Recording_pkey" PRIMARY KEY ("id"));
CREATE TABLE "Segment" ("id" TEXT NOT NULL, "recordingId" TEXT, "streamId" TEXT, "startTime" TIMESTAMP(3) NOT NULL,
    "endTime" TIMESTAMP(3), "duration" INTEGER, "filePath" TEXT NOT NULL, "fileSize" INTEGER, "thumbnailPath" TEXT,
    "metadata" JSONB DEFAULT '{}', "createdAt" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updatedAt" TIMESTAMP(3) NOT NULL, CONSTRAINT "Segment_pkey" PRIMARY KEY ("id"));
CREATE TABLE "Event" ("id" TEXT NOT NULL, "recordingId" TEXT NOT NULL, "timestamp" TIMESTAMP(3) NOT NULL,
    "eventType" TEXT NOT NULL, "confidence" DOUBLE PRECISION NOT NULL, "thumbnailPath" TEXT,
    "metadata" JSONB DEFAULT '{}', "createdAt" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updatedAt" TIMESTAMP(3) NOT NULL, CONSTRAINT "Event_pkey" PRIMARY KEY ("id"));
CREATE TABLE "DetectedObject" ("id" TEXT NOT NULL, "eventId" TEXT NOT NULL, "objectType" TEXT NOT NULL,
    "confidence" DOUBLE PRECISION NOT NULL, "boundingBox" JSONB NOT NULL, "metadata" JSONB DEFAULT '{}',
    "createdAt" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP, "updatedAt" TIMESTAMP(3) NOT NULL,
    CONSTRAINT "DetectedObject_pkey" PRIMARY KEY ("id"));
CREATE UNIQUE INDEX "User_username_key" ON "User"("username");
CREATE UNIQUE INDEX "User_email_key" ON "User"("email");
